import { afterEach, describe, expect, test } from 'vitest';
import type { TokenRecord } from '../../src/api/ports.ts';
import { StoreAwayError } from '../../src/base/errors.ts';
import { type LogFields, silentLog } from '../../src/base/log.ts';
import { ask, MemoryTokens, MemoryUsers, MemoryWebhooks, startTestApi, type TestApi } from './kit.ts';

let world: TestApi;
afterEach(() => world.close());

describe('a store that takes no tokens, users and webhooks', () => {
  const refused = new Error('Redis cannot be reached');
  const refuses = () => Promise.reject(refused);
  const logged = () => {
    const lines: [event: string, fields: LogFields][] = [];
    const take = (event: string, fields: LogFields = {}) => void lines.push([event, fields]);
    return { lines, log: { ...silentLog, warn: take, error: take } };
  };
  const stores = () => {
    const [tokenStore, userStore, webhooks] = [new MemoryTokens(), new MemoryUsers(), new MemoryWebhooks()];
    const sender = { configure: () => {}, status: () => undefined, test: async () => ({}) };
    return { tokenStore, userStore, webhooks: { store: webhooks, sender } };
  };

  test.each([
    ['POST', '/api/v1/tokens', { role: 'system-admin' }],
    ['POST', '/api/v1/users', { id: 'pat', password: 'correct horse battery', role: 'system-admin' }],
    ['POST', '/api/v1/webhooks', { url: 'https://hooks.example.net/x', topics: ['call'] }],
  ])('%s %s: 503 with the reason and Retry-After, logged as no defect', async (method, path, body) => {
    const { lines, log } = logged();
    const { tokenStore, userStore, webhooks } = stores();
    world = await startTestApi({ tokenStore, userStore, webhooks, log });
    for (const store of [tokenStore, userStore, webhooks.store]) store.put = refuses;
    const answer = await ask(world, world.tokens.system, method, path, body);
    expect([answer.status, answer.body.code, answer.headers['retry-after']]).toEqual([503, 'store-unavailable', '2']);
    expect(answer.body.detail).toContain('Redis cannot be reached');
    expect(lines).toMatchObject([['change-not-stored', { method, route: path, error: refused }]]);
  });

  test.each([
    new TypeError("Cannot read properties of undefined (reading 'seal')"),
    new SyntaxError('Unexpected token in /var/lib/tandem/x'),
    'seal /var/lib/tandem/x',
  ])('a defect in it is 500 that tells nothing of its inside, and is logged: %s', async (defect) => {
    const { lines, log } = logged();
    const { tokenStore, userStore, webhooks } = stores();
    world = await startTestApi({ tokenStore, userStore, webhooks, log });
    tokenStore.put = () => Promise.reject(defect);
    const { tenant } = (await ask(world, world.tokens.acme, 'GET', '/api/v1/tokens')).body.items[0];
    const wanted = { role: 'tenant-admin', tenant };
    const answer = await ask(world, world.tokens.acme, 'POST', '/api/v1/tokens', wanted);
    expect([answer.status, answer.body.code]).toEqual([500, 'internal']);
    expect(JSON.stringify(answer.body)).not.toMatch(/seal|undefined|tandem\/x/);
    expect(lines).toMatchObject([['http-handler-failed', { route: '/api/v1/tokens' }]]);
    expect(lines[0]?.[1]).toHaveProperty('error.cause', defect);
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

describe('a store that is away for a moment while the interface starts', () => {
  class Late extends MemoryTokens {
    refusals: Error[] = [];
    readonly tried: string[] = [];

    override async put(record: TokenRecord): Promise<void> {
      this.tried.push(record.id);
      const refusal = this.refusals.shift();
      // As it may be: written, and not heard of.
      if (refusal === undefined || this.tried.length === 1) await super.put(record);
      if (refusal !== undefined) throw refusal;
    }
  }
  const away = new StoreAwayError('Redis cannot be reached');

  test('is asked again for TANDEM_BOOTSTRAP_TOKEN, which admits then', async () => {
    const tokenStore = new Late();
    tokenStore.refusals = [away, away];
    world = await startTestApi({ tokenStore });
    expect(tokenStore.tried.slice(0, 3)).toEqual(['bootstrap', 'bootstrap', 'bootstrap']);
    expect((await ask(world, world.tokens.system, 'GET', '/api/v1/tokens')).status).toBe(200);
  });

  test('takes the first token that is printed, and no second one', async () => {
    const tokenStore = new Late();
    tokenStore.refusals = [away];
    let printed = '';
    const onFirstToken = (token: string) => {
      printed = token;
    };
    world = await startTestApi({ tokenStore, bootstrapToken: '', onFirstToken });
    const admins = [...tokenStore.records.values()].filter(({ role }) => role === 'system-admin');
    expect(admins).toHaveLength(1);
    expect((await ask(world, printed, 'GET', '/api/v1/tokens')).status).toBe(200);
  });

  test('ends the start at once where a defect is behind it', async () => {
    world = await startTestApi();
    const tokenStore = new Late();
    tokenStore.refusals = [new TypeError('x is not a function')];
    await expect(startTestApi({ tokenStore })).rejects.toThrow('a defect behind a write to the store');
    expect(tokenStore.tried).toEqual(['bootstrap']);
  });
});
