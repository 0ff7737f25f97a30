import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { StoreAwayError } from '../../src/base/errors.ts';
import { type LogFields, silentLog } from '../../src/base/log.ts';
import { ask, startTestApi, type TestApi } from './kit.ts';

const PASSWORD = 'correct horse battery';
const OWN = { 'sec-fetch-site': 'same-origin' };
const GONE = { name: 'gone', domain: 'gone.example' };

let world: TestApi;
const logged: [event: string, fields: LogFields | undefined][] = [];
beforeEach(async () => {
  logged.length = 0;
  world = await startTestApi({ log: { ...silentLog, error: (event, fields) => void logged.push([event, fields]) } });
});
afterEach(() => world.close());

const system = (method: string, url: string, body?: unknown) => ask(world, world.tokens.system, method, url, body);

/** An admin's token, a user with a session, and a webhook of a tenant. */
async function accessTo(tenant: string) {
  const { token } = (await system('POST', '/api/v1/tokens', { role: 'tenant-admin', tenant })).body;
  await system('POST', '/api/v1/users', { id: 'kim', role: 'tenant-admin', tenant, password: PASSWORD });
  const signIn = () => ask(world, undefined, 'POST', '/api/v1/session', { user: 'kim', password: PASSWORD }, OWN);
  const cookie = String((await signIn()).headers['set-cookie']).split(';')[0] ?? '';
  await system('POST', '/api/v1/webhooks', { url: 'https://gone.example/', topics: ['call'], tenant });
  const url = `/api/v1/tenants/${tenant}`;
  return async () => ({
    byToken: (await ask(world, token, 'GET', url)).status,
    bySession: (await ask(world, undefined, 'GET', url, undefined, { ...OWN, cookie })).status,
    signedIn: (await signIn()).status,
    webhooks: (await system('GET', `/api/v1/webhooks?tenant=${tenant}`)).body.total,
  });
}

test('the name of a deleted tenant is given to another, and nobody who acted for the first acts for this one', async () => {
  expect((await system('POST', '/api/v1/tenants', GONE)).status).toBe(201);
  const tried = await accessTo('gone');
  expect(await tried()).toEqual({ byToken: 200, bySession: 200, signedIn: 201, webhooks: 1 });
  expect((await system('DELETE', '/api/v1/tenants/gone')).status).toBe(204);
  expect((await system('POST', '/api/v1/tenants', GONE)).status).toBe(201);
  expect(await tried()).toEqual({ byToken: 401, bySession: 401, signedIn: 401, webhooks: 0 });
  const { items } = (await system('GET', '/api/v1/audit?limit=50')).body;
  const deleted = items.filter(({ action }: { action: string }) => action === 'delete');
  expect(
    deleted.map(({ resource }: { resource: string }) => resource.replace(/[0-9a-f]{12,16}$/, 'ID')).sort(),
  ).toEqual(['tenants/gone', 'tokens/ID', 'users/kim', 'webhooks/ID']);
});

test('what is left of a tenant that has gone ends when its name is given again; others keep theirs', async () => {
  await system('POST', '/api/v1/tenants', GONE);
  const tried = await accessTo('gone');
  const { revokedAt: _none, ...token } = [...world.tokenStore.records.values()].find(
    ({ tenant }) => tenant === 'gone',
  ) as never as {
    id: string;
    revokedAt?: string;
  };
  await system('DELETE', '/api/v1/tenants/gone');
  world.tokenStore.records.set(token.id, token as never);
  expect((await system('POST', '/api/v1/provisioning', { tenants: [GONE] })).status).toBe(200);
  expect((await tried()).byToken).toBe(401);
  expect((await ask(world, world.tokens.acme, 'GET', '/api/v1/tenants/acme')).status).toBe(200);
});

test('who was admitted is looked for once, however many tenants a document makes; a change that makes none asks nothing', async () => {
  const asked = { tokens: 0, users: 0, webhooks: 0 };
  const stores = { tokens: world.tokenStore, users: world.userStore, webhooks: world.webhookStore };
  for (const kind of ['tokens', 'users', 'webhooks'] as const) {
    const list = stores[kind].list.bind(stores[kind]);
    stores[kind].list = (() => {
      asked[kind]++;
      return list();
    }) as never;
  }
  const tenants = (label: string) =>
    Array.from({ length: 20 }, (_, at) => ({ name: `t${at}`, domain: `${label}${at}.example` }));
  expect((await system('POST', '/api/v1/provisioning', { tenants: tenants('new') })).status).toBe(200);
  // Sessions are kept beside the tokens.
  expect(asked).toEqual({ tokens: 2, users: 1, webhooks: 1 });
  expect((await system('POST', '/api/v1/provisioning', { tenants: tenants('changed') })).status).toBe(200);
  expect(asked).toEqual({ tokens: 2, users: 1, webhooks: 1 });
});

test.each([
  ['tokens', { signedIn: 401, webhooks: 0 }],
  ['users', { signedIn: 201, webhooks: 0 }],
  ['webhooks', { signedIn: 401, webhooks: 1 }],
] as const)(
  'what the store does not take of a tenant’s end (%s) keeps its name from being given',
  async (kind, left) => {
    await system('POST', '/api/v1/tenants', GONE);
    const tried = await accessTo('gone');
    const store = { tokens: world.tokenStore, users: world.userStore, webhooks: world.webhookStore }[kind];
    const { put, delete: remove } = store;
    const away = () => Promise.reject(new StoreAwayError('it is away'));
    if (kind === 'tokens') store.put = away;
    else store.delete = away;
    expect((await system('DELETE', '/api/v1/tenants/gone')).status, 'it is deleted').toBe(204);
    expect(logged).toEqual([
      ['access-not-ended', { tenants: ['gone'], error: 'the store did not take it: it is away' }],
    ]);
    expect((await system('POST', '/api/v1/tenants', GONE)).status).toBe(503);
    expect((await system('GET', '/api/v1/tenants/gone')).status, 'nothing is made').toBe(404);
    Object.assign(store, { put, delete: remove });
    expect(await tried(), 'the other kinds have ended').toMatchObject(left);
    expect((await system('POST', '/api/v1/tenants', GONE)).status).toBe(201);
    expect(await tried()).toEqual({ byToken: 401, bySession: 401, signedIn: 401, webhooks: 0 });
  },
);

test.each([
  ['tokens', { role: 'tenant-admin', tenant: 'gone' }],
  ['users', { id: 'kim', role: 'tenant-admin', tenant: 'gone', password: PASSWORD }],
  ['webhooks', { url: 'https://gone.example/', topics: ['call'], tenant: 'gone' }],
] as const)('what is being made of %s while the tenant is deleted does not outlive it', async (kind, body) => {
  await system('POST', '/api/v1/tenants', GONE);
  const store = { tokens: world.tokenStore, users: world.userStore, webhooks: world.webhookStore }[kind];
  const put = store.put.bind(store) as (record: object) => Promise<void>;
  const { promise: begun, resolve: begins } = Promise.withResolvers<void>();
  store.put = async (record: object) => {
    store.put = put;
    begins();
    for (let turn = 0; turn < 200; turn++) await setImmediate();
    await put(record);
  };
  const making = system('POST', `/api/v1/${kind}`, body);
  await begun;
  expect((await system('DELETE', '/api/v1/tenants/gone')).status).toBe(204);
  await making;
  const left = (await system('GET', `/api/v1/${kind}?tenant=gone`)).body.items;
  expect(left.filter(({ revokedAt }: { revokedAt?: string }) => revokedAt === undefined)).toEqual([]);
});

test('a user whose password is still being hashed when its tenant is deleted is not made', async () => {
  await system('POST', '/api/v1/tenants', GONE);
  const list = world.userStore.list.bind(world.userStore);
  const { promise: begun, resolve: begins } = Promise.withResolvers<void>();
  world.userStore.list = () => {
    begins();
    return list();
  };
  const body = { id: 'kim', role: 'tenant-admin', tenant: 'gone', password: PASSWORD };
  const making = system('POST', '/api/v1/users', body);
  await begun;
  expect((await system('DELETE', '/api/v1/tenants/gone')).status).toBe(204);
  expect([(await making).status, world.userStore.records.size]).toEqual([404, 0]);
});

test('what the store did not take is tried again, until it is done or somebody has the name', async () => {
  const inTenSeconds: (() => void)[] = [];
  const { setTimeout: later } = globalThis;
  const spy = vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, ms: number) => {
    if (ms !== 10_000) return later(run, ms);
    inTenSeconds.push(run);
    return { unref() {} };
  }) as typeof setTimeout);
  onTestFinished(() => spy.mockRestore());
  const replace = world.userStore.replace.bind(world.userStore);
  const kim = { id: 'kim', role: 'tenant-admin', tenant: 'gone', password: PASSWORD };
  await system('POST', '/api/v1/tenants', GONE);
  await system('POST', '/api/v1/users', kim);
  world.userStore.replace = () => Promise.reject(new StoreAwayError('it is away'));
  expect((await system('DELETE', '/api/v1/tenants/gone')).status).toBe(204);
  const tryAgain = async () => {
    inTenSeconds.shift()?.();
    await setImmediate();
  };
  await tryAgain();
  expect([logged.length, inTenSeconds.length, world.userStore.records.has('kim')]).toEqual([2, 1, true]);
  world.userStore.replace = replace;
  await tryAgain();
  expect([logged.length, inTenSeconds.length, world.userStore.records.has('kim')]).toEqual([2, 0, false]);
  // Of a name that somebody has by then nothing ends.
  await system('POST', '/api/v1/tenants', GONE);
  await system('POST', '/api/v1/users', kim);
  world.userStore.replace = () => Promise.reject(new StoreAwayError('it is away'));
  await system('DELETE', '/api/v1/tenants/gone');
  world.userStore.replace = replace;
  await system('POST', '/api/v1/tenants', GONE);
  await system('POST', '/api/v1/users', kim);
  await tryAgain();
  expect([inTenSeconds.length, world.userStore.records.has('kim')]).toEqual([0, true]);
});
