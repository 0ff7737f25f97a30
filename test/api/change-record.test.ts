import { afterEach, beforeEach, expect, test } from 'vitest';
import { changeRecord } from '../../src/api/change-record.ts';
import { ask, MemoryTokens, MemoryUsers, MemoryWebhooks, startTestApi, type TestApi } from './kit.ts';

const PASSWORD = 'correct horse battery';
const OWN = { 'sec-fetch-site': 'same-origin' };
const PAT = { id: 'pat', role: 'system-admin', password: PASSWORD };
const HOOK = { url: 'https://a.example/', topics: ['call'] };

/** Two nodes of one store, and what the first one does between reading and writing of the second. */
let nodes: readonly [TestApi, TestApi];
let meanwhile: (() => Promise<unknown>) | undefined;
/** Of a user and a webhook. */
let urls: readonly string[];
beforeEach(async () => {
  const [tokenStore, userStore, webhookStore] = [new MemoryTokens(), new MemoryUsers(), new MemoryWebhooks()];
  for (const store of [tokenStore, userStore, webhookStore]) {
    const replace = store.replace.bind(store) as (...args: unknown[]) => Promise<boolean>;
    store.replace = async (...args: unknown[]) => {
      const other = meanwhile;
      meanwhile = undefined;
      await other?.();
      return replace(...args);
    };
  }
  const sender = { configure: () => {}, status: () => undefined, test: async () => ({}) };
  const stores = { tokenStore, userStore, webhooks: { store: webhookStore, sender } };
  nodes = [await startTestApi(stores), await startTestApi(stores)];
  await at(0, 'POST', '/api/v1/users', PAT);
  const { id } = (await at(0, 'POST', '/api/v1/webhooks', HOOK)).body;
  urls = ['/api/v1/users/pat', `/api/v1/webhooks/${id}`];
});
afterEach(() => Promise.all(nodes.map((node) => node.close())));

const at = (node: 0 | 1, method: string, url: string, body?: unknown) =>
  ask(nodes[node], nodes[0].tokens.system, method, url, body);

test.each([
  ['a user', 0, { readOnly: true }],
  ['a webhook', 1, { topics: ['registration'] }],
])('a change of %s undoes none that another node has made meanwhile', async (_what, which, other) => {
  const url = urls[which] ?? '';
  meanwhile = () => at(0, 'PATCH', url, { enabled: false });
  expect((await at(1, 'PATCH', url, other)).status).toBe(200);
  expect((await at(0, 'GET', url)).body).toMatchObject({ enabled: false, ...other });
});

test.each([
  ['user', 0],
  ['webhook', 1],
])('no %s that another node has deleted meanwhile is back', async (_what, which) => {
  const url = urls[which] ?? '';
  meanwhile = () => at(0, 'DELETE', url);
  expect((await at(1, 'PATCH', url, { enabled: false })).status).toBe(404);
  expect((await at(0, 'GET', url)).status).toBe(404);
});

test('a name is given once, and a link signs in once, at whichever nodes', async () => {
  const kim = { ...PAT, id: 'kim' };
  meanwhile = () => at(0, 'POST', '/api/v1/users', kim);
  expect((await at(1, 'POST', '/api/v1/users', kim)).status).toBe(409);
  const link = (await at(0, 'POST', '/api/v1/sign-in-links')).body.path.split('=')[1];
  const signIn = (node: 0 | 1) => ask(nodes[node], undefined, 'POST', '/api/v1/session', { link }, OWN);
  meanwhile = async () => expect((await signIn(0)).status).toBe(201);
  expect((await signIn(1)).status).toBe(401);
});

test('whoever is always too late is told so after some tries', async () => {
  const store = { get: async () => 'x', replace: async () => false };
  await expect(changeRecord<string, string>(store, 'x', () => 'y')).rejects.toMatchObject({
    status: 409,
    code: 'concurrent-changes',
  });
});
