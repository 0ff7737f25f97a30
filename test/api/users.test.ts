import { expect, test } from 'vitest';
import { totpCode } from '../../src/api/totp.ts';
import { type Answer, ask } from './kit.ts';
import { apiOfEach } from './served.ts';

const PASSWORD = 'correct horse battery';
const ADMIN = { id: 'pat', role: 'system-admin', password: PASSWORD };
const OWN = { 'sec-fetch-site': 'same-origin' };

const world = apiOfEach();

const system = (method: string, url: string, body?: unknown) => ask(world, world.tokens.system, method, url, body);

async function signedIn(id: string, password = PASSWORD) {
  const { body, headers } = await ask(world, undefined, 'POST', '/api/v1/session', { user: id, password }, OWN);
  const cookie = String(headers['set-cookie']).split(';')[0] ?? '';
  return (method: string, url: string, payload?: unknown, more: Record<string, string> = {}): Promise<Answer> =>
    ask(world, undefined, method, url, payload, { ...OWN, cookie, 'x-csrf-token': body.csrfToken, ...more });
}

test('the first user is made with the owner’s or a system admin’s token; until then a page learns that there is none', async () => {
  const session = () => ask(world, undefined, 'GET', '/api/v1/session');
  expect((await session()).body).toEqual({ signedIn: false, firstRun: true });
  const made = await system('POST', '/api/v1/users', { ...ADMIN, id: ' Pat@Acme.example' });
  expect(made.status).toBe(201);
  expect(made.headers['location']).toBe('/api/v1/users/pat%40acme.example');
  expect(made.body).toEqual({
    id: 'pat@acme.example',
    role: 'system-admin',
    readOnly: false,
    enabled: true,
    codes: false,
    createdAt: expect.any(String),
    createdBy: 'token:bootstrap',
    passwordChangedAt: expect.any(String),
  });
  expect((await session()).body).toEqual({ signedIn: false, firstRun: false });
});

test('neither password nor its hash nor the secret of codes is in an answer or the audit log', async () => {
  await system('POST', '/api/v1/users', ADMIN);
  const pat = await signedIn('pat');
  const { secret } = (await pat('POST', '/api/v1/users/pat/codes')).body;
  await pat('PATCH', '/api/v1/users/pat', { currentPassword: PASSWORD, password: 'a second long password' });
  const record = world.userStore.records.get('pat');
  const said = [await system('GET', '/api/v1/users'), await system('GET', '/api/v1/audit')]
    .map(({ text }) => text)
    .join();
  expect(said).toContain('users/pat');
  for (const hidden of [PASSWORD, 'a second long password', record?.password ?? '', secret])
    expect(said).not.toContain(hidden);
});

test.each([
  [{ id: '' }, 'id'],
  [{ id: 'a b' }, 'id'],
  [{ id: '__proto__' }, 'id'],
  [{ password: 'short' }, 'password'],
  [{ password: 'x'.repeat(257) }, 'password'],
  [{ role: 'tenant-admin' }, 'tenant'],
  [{ tenant: 'acme' }, 'tenant'],
  [{ role: 'owner' }, 'role'],
])('what is wrong is said with its path: %j', async (fields, path) => {
  const { status, body } = await system('POST', '/api/v1/users', { ...ADMIN, ...fields });
  expect([status, body.path]).toEqual([422, path]);
});

test('a name is taken once; a tenant that is not there has no admins', async () => {
  await system('POST', '/api/v1/users', ADMIN);
  const twin = await system('POST', '/api/v1/users', { ...ADMIN, id: 'PAT' });
  expect([twin.status, twin.body.code, twin.body.path]).toEqual([409, 'exists', 'id']);
  const of = { id: 'kim', role: 'tenant-admin', tenant: 'nowhere', password: PASSWORD };
  expect((await system('POST', '/api/v1/users', of)).status).toBe(404);
});

test('a tenant admin makes and changes users of its own tenant, and gives nobody more than it has', async () => {
  const kim = { id: 'kim', role: 'tenant-admin', tenant: 'acme', password: PASSWORD };
  await system('POST', '/api/v1/users', ADMIN);
  expect((await ask(world, world.tokens.acme, 'POST', '/api/v1/users', kim)).status).toBe(201);
  expect((await ask(world, world.tokens.acme, 'POST', '/api/v1/users', { ...ADMIN, id: 'x' })).status).toBe(403);
  expect(
    (await ask(world, world.tokens.acme, 'POST', '/api/v1/users', { ...kim, id: 'x', tenant: 'bolt' })).status,
  ).toBe(404);
  const change = (fields: object) => ask(world, world.tokens.acme, 'PATCH', '/api/v1/users/kim', fields);
  expect((await change({ role: 'system-admin', tenant: null })).status).toBe(403);
  expect((await change({ tenant: 'bolt' })).status).toBe(404);
  expect((await change({ readOnly: true })).body.readOnly).toBe(true);
  expect((await ask(world, world.tokens.acme, 'GET', '/api/v1/users/pat')).status).toBe(404);
});

test('the own password needs the present one; all other sessions end, this one stays', async () => {
  await system('POST', '/api/v1/users', ADMIN);
  const [here, elsewhere] = [await signedIn('pat'), await signedIn('pat')];
  const change = (currentPassword?: string) =>
    here('PATCH', '/api/v1/users/pat', { currentPassword, password: 'a second long password' });
  expect((await change()).body.path).toBe('currentPassword');
  expect((await change('wrong')).status).toBe(422);
  expect((await change(PASSWORD)).status).toBe(200);
  expect((await here('GET', '/api/v1/tenants')).status).toBe(200);
  expect((await elsewhere('GET', '/api/v1/tenants')).status).toBe(401);
  const again = await ask(world, undefined, 'POST', '/api/v1/session', { user: 'pat', password: PASSWORD }, OWN);
  expect(again.status).toBe(401);
});

test('nobody changes what the own user may do, and nobody deletes the own user', async () => {
  await system('POST', '/api/v1/users', ADMIN);
  const pat = await signedIn('pat');
  for (const fields of [{ enabled: false }, { readOnly: true }, { role: 'tenant-admin', tenant: 'acme' }])
    expect((await pat('PATCH', '/api/v1/users/pat', { ...fields, currentPassword: PASSWORD })).status).toBe(403);
  expect((await pat('DELETE', '/api/v1/users/pat')).body.code).toBe('own-user');
});

test('another admin’s change of the password, a lock-out and a deletion each end all sessions', async () => {
  for (const act of [
    () => system('PATCH', '/api/v1/users/pat', { password: 'a second long password' }),
    () => system('PATCH', '/api/v1/users/pat', { enabled: false }),
    () => system('DELETE', '/api/v1/users/pat'),
  ]) {
    await system('POST', '/api/v1/users', ADMIN);
    const pat = await signedIn('pat');
    expect((await pat('GET', '/api/v1/tenants')).status).toBe(200);
    expect((await act()).status).toBeLessThan(300);
    expect((await pat('GET', '/api/v1/tenants')).status).toBe(401);
    await system('DELETE', '/api/v1/users/pat');
  }
});

test('an authenticator app is set up by whoever is signed in, counts once its first code was right, and is taken away with the password', async () => {
  await system('POST', '/api/v1/users', ADMIN);
  const pat = await signedIn('pat');
  const begin = (match: string) => pat('POST', '/api/v1/users/pat/codes', undefined, { 'if-match': match });
  expect((await begin('"another"')).status).toBe(412);
  expect((await pat('POST', '/api/v1/users/pat/codes/confirm', { code: '000000' })).status, 'none is begun').toBe(409);
  const read = String((await pat('GET', '/api/v1/users/pat')).headers['etag']);
  const { secret, uri } = (await begin(read)).body;
  expect(uri).toContain(secret);
  const code = () => totpCode(secret, Math.floor(world.clock.wallMs() / 30_000));
  expect((await system('GET', '/api/v1/users/pat')).body.codes).toBe(false);
  await signedIn('pat');
  const wrong = code() === '000000' ? '000001' : '000000';
  expect((await pat('POST', '/api/v1/users/pat/codes/confirm', { code: wrong })).body.path).toBe('code');
  const version = (await pat('GET', '/api/v1/users/pat')).headers['etag'];
  const confirm = (match?: string) =>
    pat('POST', '/api/v1/users/pat/codes/confirm', { code: code() }, match === undefined ? {} : { 'if-match': match });
  expect((await confirm('"another"')).status).toBe(412);
  const confirmed = await confirm(String(version));
  expect([confirmed.status, confirmed.body.codes]).toEqual([200, true]);
  expect(confirmed.headers['etag']).toBe((await pat('GET', '/api/v1/users/pat')).headers['etag']);
  expect((await pat('POST', '/api/v1/users/pat/codes')).status).toBe(409);
  expect((await pat('PATCH', '/api/v1/users/pat', { codes: false })).status).toBe(422);
  expect((await pat('PATCH', '/api/v1/users/pat', { codes: false, currentPassword: PASSWORD })).body.codes).toBe(false);
});

test.each([
  ['disabled', 'PATCH', { enabled: false }, 409],
  ['deleted', 'DELETE', undefined, 404],
])('who is %s while a change of the own password is under way stays so', async (_what, method, body, refusal) => {
  await system('POST', '/api/v1/users', ADMIN);
  const pat = await signedIn('pat');
  const get = world.userStore.get.bind(world.userStore);
  const isUnderWay = Promise.withResolvers<void>();
  let reads = 0;
  world.userStore.get = (id) => {
    // Of its session, and what is to be changed. Two passwords are hashed then, which takes far longer than what the other admin does.
    if (++reads === 2) isUnderWay.resolve();
    return get(id);
  };
  const change = pat('PATCH', '/api/v1/users/pat', { currentPassword: PASSWORD, password: 'a second long password' });
  await isUnderWay.promise;
  expect((await system(method, '/api/v1/users/pat', body)).status).toBeLessThan(300);
  expect((await change).status).toBe(refusal);
  expect(world.userStore.records.get('pat')?.enabled ?? false).toBe(false);
});

test('of two who are given one name at one time there is one', async () => {
  const made = await Promise.all([
    system('POST', '/api/v1/users', ADMIN),
    ask(world, world.tokens.acme, 'POST', '/api/v1/users', { ...ADMIN, role: 'tenant-admin', tenant: 'acme' }),
  ]);
  expect(made.map(({ status }) => status).sort()).toEqual([201, 409]);
});

test('If-Match: a user is changed, or deleted, as it was read, and not as another has made it meanwhile; so is a webhook, and tested', async () => {
  const users = await system('POST', '/api/v1/users', ADMIN);
  const hooks = await system('POST', '/api/v1/webhooks', { url: 'https://a.example/', topics: ['call'] });
  for (const made of [users, hooks]) {
    const url = String(made.headers['location']);
    const as = (tag: unknown, method: string, path = '', body?: unknown) =>
      ask(world, world.tokens.system, method, `${url}${path}`, body, { 'if-match': String(tag) });
    const { etag } = (await system('GET', url)).headers;
    expect(made.headers['etag']).toBe(etag);
    const disabled = await as(etag, 'PATCH', '', { enabled: false });
    expect([disabled.status, disabled.headers['etag'] === etag]).toEqual([200, false]);
    const late = [await as(etag, 'PATCH', '', { enabled: true }), await as(etag, 'DELETE')];
    if (made === hooks) late.push(await as(etag, 'POST', '/test'));
    for (const { status, body } of late) expect([status, body.code]).toEqual([412, 'changed-meanwhile']);
    expect((await system('GET', url)).body.enabled).toBe(false);
    const now = disabled.headers['etag'];
    if (made === hooks) expect((await as(now, 'POST', '/test')).status).toBe(200);
    expect((await as(now, 'DELETE')).status).toBe(204);
  }
});
