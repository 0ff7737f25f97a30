import { argon2Sync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { UserRecord } from '../../src/api/index.ts';
import { totpCode } from '../../src/api/totp.ts';
import { type Answer, ask, startTestApi, type TestApi } from './kit.ts';

const PASSWORD = 'correct horse battery';
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const OWN = { 'sec-fetch-site': 'same-origin' };
/** Cheap: a hash says itself what it costs. */
const hash = (() => {
  const parameters = { memory: 8, passes: 1, parallelism: 1, tagLength: 32, nonce: Buffer.alloc(16, 7) };
  const tag = argon2Sync('argon2id', { message: PASSWORD, ...parameters });
  const text = (octets: Buffer) => octets.toString('base64').replace(/=+$/, '');
  return `$argon2id$v=19$m=8,t=1,p=1$${text(parameters.nonce)}$${text(tag)}`;
})();

let world: TestApi;
beforeEach(async () => {
  world = await startTestApi();
});
afterEach(() => world.close());

async function user(id: string, fields: Partial<UserRecord> = {}): Promise<void> {
  await world.userStore.put({
    id,
    role: 'system-admin',
    readOnly: false,
    enabled: true,
    password: hash,
    createdAt: '2026-11-01T00:00:00Z',
    createdBy: 'test',
    passwordChangedAt: '2026-11-01T00:00:00Z',
    ...fields,
  });
}

function signIn(given: object, headers: Record<string, string> = OWN): Promise<Answer> {
  return ask(world, undefined, 'POST', '/api/v1/session', given, headers);
}

interface Browser {
  readonly cookie: string;
  readonly csrf: string;
}

async function browser(id: string): Promise<Browser> {
  const answer = await signIn({ user: id, password: PASSWORD });
  expect(answer.status).toBe(201);
  return { cookie: cookieOf(answer), csrf: answer.body.csrfToken };
}

function cookieOf(answer: Answer): string {
  return String(answer.headers['set-cookie']).split(';')[0] ?? '';
}

function by({ cookie, csrf }: Browser, method: string, url: string, body?: unknown, headers = {}): Promise<Answer> {
  return ask(world, undefined, method, url, body, { ...OWN, cookie, 'x-csrf-token': csrf, ...headers });
}

describe('sign-in', () => {
  test('with name and password: a cookie that no script reads and no other site sends, and the token against forged requests', async () => {
    await user('pat');
    const answer = await signIn({ user: 'Pat ', password: PASSWORD });
    expect(answer.status).toBe(201);
    expect(answer.headers['set-cookie']).toMatch(
      /^tandem-session=[0-9a-f]{32}_[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/,
    );
    expect(answer.body).toMatchObject({ signedIn: true, firstRun: false, user: 'pat', role: 'system-admin' });
    expect(answer.body.csrfToken).toMatch(/^[\w-]{43}$/);
  });

  test('unknown, disabled and wrong answer the same', async () => {
    await user('pat');
    await user('off', { enabled: false });
    const answers = await Promise.all([
      signIn({ user: 'pat', password: 'wrong' }),
      signIn({ user: 'off', password: PASSWORD }),
      signIn({ user: 'nobody', password: PASSWORD }),
    ]);
    for (const { status, text, headers } of answers) {
      expect(status).toBe(401);
      expect(headers['set-cookie']).toBeUndefined();
      expect(text).toBe(answers[0]?.text);
    }
  });

  test('with an authenticator app a code is needed, which is good once', async () => {
    await user('pat', { totp: { secret: SECRET, confirmed: true, lastStep: 0 } });
    const code = totpCode(SECRET, Math.floor(world.clock.wallMs() / 30_000));
    expect((await signIn({ user: 'pat', password: PASSWORD })).body.code).toBe('code-needed');
    expect((await signIn({ user: 'pat', password: 'wrong' })).body.code).toBe('sign-in-failed');
    expect((await signIn({ user: 'pat', password: PASSWORD, code: '000000' })).status).toBe(401);
    const both = await Promise.all([1, 2].map(() => signIn({ user: 'pat', password: PASSWORD, code })));
    expect(both.map(({ status }) => status).sort()).toEqual([201, 401]);
  });

  test('guesses from one address are slowed, also for the right password', async () => {
    await user('pat');
    await user('kim');
    for (let i = 0; i < 30; i++) await signIn({ user: i % 2 === 0 ? 'pat' : 'kim', password: 'x' });
    expect((await signIn({ user: 'pat', password: PASSWORD })).status).toBe(429);
    world.clock.advance(61_000);
    expect((await signIn({ user: 'pat', password: PASSWORD })).status).toBe(201);
  });

  test('whoever asks for many sign-ins at once has ten in work, and keeps nobody else from theirs', async () => {
    await user('pat');
    const from = async (remoteAddress: string, given: object) =>
      (await world.app.inject({ method: 'POST', url: '/api/v1/session', headers: OWN, payload: given, remoteAddress }))
        .statusCode;
    const guesses = Array.from({ length: 150 }, (_, at) => from('192.0.2.66', { user: `n${at}`, password: 'x' }));
    expect(await from('192.0.2.1', { user: 'pat', password: PASSWORD })).toBe(201);
    // On a busy machine some have their answer before the last one comes; after thirty the address has to wait.
    const tried = (await Promise.all(guesses)).filter((status) => status === 401).length;
    expect(tried).toBeGreaterThanOrEqual(10);
    expect(tried).toBeLessThan(40);
  });

  test('an IPv6 host has no further guesses by changing its address within its /64; its neighbours have theirs', async () => {
    await user('pat');
    const from = async (remoteAddress: string, password = 'x', name = 'kim') => {
      const payload = { user: name, password };
      return (await world.app.inject({ method: 'POST', url: '/api/v1/session', headers: OWN, payload, remoteAddress }))
        .statusCode;
    };
    for (let i = 0; i < 30; i++) {
      await user(`n${i}`);
      await from(`2001:db8::${i}`, 'x', `n${i}`);
    }
    expect(await from('2001:db8::ffff', PASSWORD, 'pat')).toBe(429);
    expect(await from('2001:db8:0:1::1', PASSWORD, 'pat')).toBe(201);
  });

  test('guesses at one name lock it for others, not for where it has signed in from', async () => {
    await user('pat');
    await user('kim');
    const from = (remoteAddress: string, given: object) =>
      world.app.inject({ method: 'POST', url: '/api/v1/session', headers: OWN, payload: given, remoteAddress });
    await from('192.0.2.1', { user: 'pat', password: PASSWORD });
    for (let i = 0; i < 20; i++) await from(`198.51.100.${i}`, { user: 'pat', password: 'x' });
    expect((await from('198.51.100.99', { user: 'pat', password: PASSWORD })).statusCode).toBe(429);
    expect((await from('192.0.2.1', { user: 'pat', password: PASSWORD })).statusCode).toBe(201);
    expect((await from('198.51.100.99', { user: 'kim', password: PASSWORD })).statusCode).toBe(201);
    world.clock.advance(15 * 60_000);
    expect((await from('198.51.100.99', { user: 'pat', password: PASSWORD })).statusCode).toBe(201);
  });

  test.each([
    ['is disabled', { enabled: false }, 429],
    ['has another password since', { passwordChangedAt: '2026-11-02T00:00:00Z' }, 429],
    ['may do something else', { role: 'tenant-admin' as const, tenant: 'acme' }, 201],
  ])('where a name has signed in that %s: %o, answered %d while the name is locked', async (_, change, status) => {
    await user('pat');
    const from = (remoteAddress: string, password: string) =>
      world.app.inject({
        ...{ method: 'POST', url: '/api/v1/session', headers: OWN, remoteAddress },
        payload: { user: 'pat', password },
      });
    await from('192.0.2.1', PASSWORD);
    await user('pat', change);
    for (let i = 0; i < 20; i++) await from(`198.51.100.${i}`, 'x');
    expect((await from('192.0.2.1', PASSWORD)).statusCode).toBe(status);
  });

  test('of where a name has signed in the latest twenty are known', async () => {
    await user('pat');
    const from = (remoteAddress: string, password: string) =>
      world.app.inject({
        ...{ method: 'POST', url: '/api/v1/session', headers: OWN, remoteAddress },
        payload: { user: 'pat', password },
      });
    for (let i = 0; i <= 20; i++) expect((await from(`192.0.2.${i}`, PASSWORD)).statusCode).toBe(201);
    for (let i = 0; i < 20; i++) await from(`198.51.100.${i}`, 'x');
    expect((await from('192.0.2.0', PASSWORD)).statusCode).toBe(429);
    for (const host of [1, 20]) expect((await from(`192.0.2.${host}`, PASSWORD)).statusCode).toBe(201);
  });

  test('another site cannot sign its visitor in', async () => {
    await user('pat');
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
    ])
      expect((await signIn({ user: 'pat', password: PASSWORD }, headers as never)).status).toBe(403);
    const form = await world.app.inject({
      method: 'POST',
      url: '/api/v1/session',
      headers: { 'content-type': 'text/plain' },
      payload: JSON.stringify({ user: 'pat', password: PASSWORD }),
    });
    expect(form.statusCode).toBe(422);
  });

  test('over HTTPS the cookie is Secure and of this very host', async () => {
    await world.close();
    world = await startTestApi({ limits: { trustedProxies: ['127.0.0.1'] } });
    await user('pat');
    const answer = await signIn({ user: 'pat', password: PASSWORD }, { ...OWN, 'x-forwarded-proto': 'https' });
    expect(answer.headers['set-cookie']).toMatch(/^__Host-tandem=.*; Path=\/; .*; Secure$/);
  });
});

describe('a session', () => {
  test('is who it says on every route, and what it may do is what its user may do now', async () => {
    await user('pat', { role: 'tenant-admin', tenant: 'acme' });
    const pat = await browser('pat');
    expect((await by(pat, 'GET', '/api/v1/tenants')).body.items.map(({ name }: { name: string }) => name)).toEqual([
      'acme',
    ]);
    expect((await by(pat, 'GET', '/api/v1/tenants/bolt')).status).toBe(404);
    await user('pat');
    expect((await by(pat, 'GET', '/api/v1/tenants/bolt')).status).toBe(200);
    await user('pat', { enabled: false });
    expect((await by(pat, 'GET', '/api/v1/tenants')).status).toBe(401);
  });

  test('changes nothing without its token (CSRF), and another session’s is no help', async () => {
    await user('pat');
    const [pat, other] = [await browser('pat'), await browser('pat')];
    const patch = (headers: object) => by(pat, 'PATCH', '/api/v1/tenants/acme', { timeZone: 'Europe/London' }, headers);
    expect((await patch({ 'x-csrf-token': '' })).status).toBe(403);
    expect((await patch({ 'x-csrf-token': other.csrf })).status).toBe(403);
    expect((await patch({})).status).toBe(200);
  });

  test('is not believed when another site’s page makes the browser send it', async () => {
    await user('pat');
    const pat = await browser('pat');
    for (const site of ['cross-site', 'same-site'])
      expect((await by(pat, 'GET', '/api/v1/tenants', undefined, { 'sec-fetch-site': site })).status).toBe(401);
    expect((await by(pat, 'GET', '/api/v1/tenants', undefined, { 'sec-fetch-site': 'none' })).status).toBe(200);
  });

  test('that was there before the sign-in admits nobody (session fixation), and the sign-in ends it', async () => {
    await user('pat');
    const planted = `tandem-session=${'0'.repeat(32)}_${'A'.repeat(43)}`;
    const answer = await signIn({ user: 'pat', password: PASSWORD }, { ...OWN, cookie: planted });
    expect(cookieOf(answer)).not.toBe(planted);
    expect((await ask(world, undefined, 'GET', '/api/v1/tenants', undefined, { ...OWN, cookie: planted })).status).toBe(
      401,
    );
    const first = { cookie: cookieOf(answer), csrf: answer.body.csrfToken };
    await signIn({ user: 'pat', password: PASSWORD }, { ...OWN, cookie: first.cookie });
    expect((await by(first, 'GET', '/api/v1/tenants')).status).toBe(401);
  });

  test('ends by sign-out and after 12 hours', async () => {
    await user('pat');
    const [pat, other] = [await browser('pat'), await browser('pat')];
    const out = await by(pat, 'DELETE', '/api/v1/session');
    expect(out.headers['set-cookie']).toMatch(/^tandem-session=; .*Max-Age=0/);
    expect((await by(pat, 'GET', '/api/v1/tenants')).status).toBe(401);
    expect((await by(other, 'GET', '/api/v1/tenants')).status).toBe(200);
    world.clock.advance(12 * 3_600_000);
    expect((await by(other, 'GET', '/api/v1/tenants')).status).toBe(401);
  });

  test('is no bearer token, and a bearer token is no session; neither is listed as the other', async () => {
    await user('pat');
    const pat = await browser('pat');
    const value = pat.cookie.slice('tandem-session='.length);
    expect((await ask(world, value, 'GET', '/api/v1/tenants')).status).toBe(401);
    const cookie = `tandem-session=${world.tokens.system}`;
    expect((await ask(world, undefined, 'GET', '/api/v1/tenants', undefined, { ...OWN, cookie })).status).toBe(401);
    const listed = JSON.stringify((await by(pat, 'GET', '/api/v1/tokens')).body);
    expect(listed).not.toContain(value.slice(0, 32));
    expect((await by(pat, 'DELETE', `/api/v1/tokens/${value.slice(0, 32)}`)).status).toBe(404);
  });

  test('of one user there are 20 at most; the oldest goes', async () => {
    await user('pat');
    const first = await browser('pat');
    for (let i = 0; i < 20; i++) {
      world.clock.advance(1);
      await browser('pat');
    }
    expect((await by(first, 'GET', '/api/v1/tenants')).status).toBe(401);
    expect(world.tokenStore.records.size - 4).toBe(20);
  });

  test('a token that ends makes no session and no user: neither would end with it', async () => {
    const { body } = await ask(world, world.tokens.system, 'POST', '/api/v1/tokens', {
      role: 'system-admin',
      expiresInSeconds: 60,
    });
    expect((await ask(world, body.token, 'POST', '/api/v1/sign-in-links')).status).toBe(403);
    const made = { id: 'x', role: 'system-admin', password: PASSWORD };
    expect((await ask(world, body.token, 'POST', '/api/v1/users', made)).status).toBe(403);
  });
});

describe('a sign-in link', () => {
  test('signs in once, as who made it, and stands behind the # of its path', async () => {
    const { body } = await ask(world, world.tokens.system, 'POST', '/api/v1/sign-in-links');
    const [, code] = /^\/console\/sign-in#link=([\w-]+)$/.exec(body.path) ?? [];
    const both = await Promise.all([1, 2].map(() => signIn({ link: code })));
    expect(both.map(({ status }) => status).sort()).toEqual([201, 401]);
    const signedIn = both.find(({ status }) => status === 201);
    expect(signedIn?.body).toMatchObject({ signedIn: true, firstRun: true, role: 'system-admin' });
    expect(signedIn?.body.user).toBeUndefined();
  });

  test('makes no further one: a session without a user ends, and so would not; a user’s makes one', async () => {
    const { body } = await ask(world, world.tokens.system, 'POST', '/api/v1/sign-in-links');
    const byLink = await signIn({ link: body.path.split('=')[1] });
    const visitor = { cookie: cookieOf(byLink), csrf: byLink.body.csrfToken };
    const { status, body: problem } = await by(visitor, 'POST', '/api/v1/sign-in-links');
    expect([status, problem.code]).toEqual([403, 'not-permitted']);
    await user('pat');
    expect((await by(await browser('pat'), 'POST', '/api/v1/sign-in-links')).status).toBe(201);
  });

  test('is too old after ten minutes', async () => {
    const { body } = await ask(world, world.tokens.system, 'POST', '/api/v1/sign-in-links');
    world.clock.advance(600_000);
    expect((await signIn({ link: body.path.split('=')[1] })).status).toBe(401);
  });
});

describe('read only', () => {
  test('a user sees what its role sees and changes nothing but its own password; thinking through is no change', async () => {
    await user('pat', { readOnly: true });
    const pat = await browser('pat');
    expect((await by(pat, 'GET', '/api/v1/tenants/acme')).status).toBe(200);
    expect((await by(pat, 'PATCH', '/api/v1/tenants/acme', { timeZone: 'Europe/London' })).status).toBe(403);
    expect((await by(pat, 'POST', '/api/v1/tokens', { role: 'system-admin' })).status).toBe(403);
    expect((await by(pat, 'POST', '/api/v1/explain', { tenant: 'acme', from: '101', to: '9123' })).status).toBe(200);
    expect((await by(pat, 'POST', '/api/v1/plan', { tenants: [] })).status).toBe(200);
    await user('kim');
    expect((await by(pat, 'PATCH', '/api/v1/users/kim', { enabled: false })).status).toBe(403);
    const own = { currentPassword: PASSWORD, password: 'another horse battery' };
    expect((await by(pat, 'PATCH', '/api/v1/users/pat', own)).status).toBe(200);
    expect((await by(pat, 'DELETE', '/api/v1/session')).status).toBe(200);
  });

  test('a token that only reads', async () => {
    const { body } = await ask(world, world.tokens.system, 'POST', '/api/v1/tokens', {
      role: 'system-admin',
      readOnly: true,
    });
    expect(body.readOnly).toBe(true);
    expect((await ask(world, body.token, 'GET', '/api/v1/tenants')).status).toBe(200);
    expect((await ask(world, body.token, 'DELETE', '/api/v1/tenants/acme')).status).toBe(403);
    expect((await ask(world, body.token, 'PUT', '/api/v1/tenants/acme', {})).status).toBe(403);
  });
});

test('a sign-in with the password of before that is under way while it is changed opens no session', async () => {
  await user('pat');
  const get = world.userStore.get.bind(world.userStore);
  world.userStore.get = async (id) => {
    world.userStore.get = get;
    const known = await get(id);
    await user('pat', { password: hash.replace('m=8', 'm=16') });
    return known;
  };
  expect((await signIn({ user: 'pat', password: PASSWORD })).status).toBe(401);
});
