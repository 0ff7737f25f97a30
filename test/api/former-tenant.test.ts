import { afterEach, beforeEach, expect, test } from 'vitest';
import { ask, startTestApi, type TestApi } from './kit.ts';

const PASSWORD = 'correct horse battery';
const OWN = { 'sec-fetch-site': 'same-origin' };
const GONE = { name: 'gone', domain: 'gone.example' };

let world: TestApi;
beforeEach(async () => {
  world = await startTestApi();
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
