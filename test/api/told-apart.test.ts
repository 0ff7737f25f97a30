import { afterEach, describe, expect, test } from 'vitest';
import { ask, MemoryTokens, MemoryUsers, MemoryWebhooks, startTestApi, type TestApi } from './kit.ts';

let world: TestApi;
afterEach(() => world.close());

describe('a store that takes no tokens, users and webhooks', () => {
  const refuses = () => Promise.reject(new Error('Redis cannot be reached'));
  const stores = () => {
    const [tokenStore, userStore, webhooks] = [new MemoryTokens(), new MemoryUsers(), new MemoryWebhooks()];
    const sender = { configure: () => {}, status: () => undefined };
    return { tokenStore, userStore, webhooks: { store: webhooks, sender } };
  };

  test.each([
    ['POST', '/api/v1/tokens', { role: 'system-admin' }],
    ['POST', '/api/v1/users', { id: 'pat', password: 'correct horse battery', role: 'system-admin' }],
    ['POST', '/api/v1/webhooks', { url: 'https://hooks.example.net/x', topics: ['call'] }],
  ])('%s %s: 503 with the reason and Retry-After, and no defect in log and metrics', async (method, path, body) => {
    const lines: string[] = [];
    const log = { debug: () => {}, info: () => {}, warn: () => {}, error: (event: string) => lines.push(event) };
    const { tokenStore, userStore, webhooks } = stores();
    world = await startTestApi({ tokenStore, userStore, webhooks, log: log as never });
    for (const store of [tokenStore, userStore, webhooks.store]) store.put = refuses;
    const answer = await ask(world, world.tokens.system, method, path, body);
    expect([answer.status, answer.body.code, answer.headers['retry-after']]).toEqual([503, 'store-unavailable', '2']);
    expect(answer.body.detail).toContain('Redis cannot be reached');
    expect(lines).toEqual([]);
  });

  test('what is there cannot be taken away, and is still read', async () => {
    const { tokenStore, userStore, webhooks } = stores();
    world = await startTestApi({ tokenStore, userStore, webhooks });
    const made = await ask(world, world.tokens.system, 'POST', '/api/v1/tokens', { role: 'system-admin' });
    tokenStore.put = refuses;
    tokenStore.delete = refuses;
    const revoked = await ask(world, world.tokens.system, 'DELETE', `/api/v1/tokens/${made.body.id}`);
    expect([revoked.status, revoked.body.code]).toEqual([503, 'store-unavailable']);
    expect((await ask(world, made.body.token, 'GET', '/api/v1/tokens')).status).toBe(200);
  });
});
