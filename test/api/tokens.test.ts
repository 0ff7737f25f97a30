import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Tokens, writeOwnerToken } from '../../src/api/tokens.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { ask, MemoryTokens, startTestApi } from './kit.ts';

function setUp() {
  const clock = new VirtualScheduler();
  const store = new MemoryTokens();
  return { clock, store, tokens: new Tokens(store, clock, 100) };
}

describe('tokens', () => {
  test('a token is known again, by its hash alone: the store never holds it', async () => {
    const { store, tokens } = setUp();
    const { token, record } = await tokens.create({ role: 'tenant-admin', tenant: 'acme' }, 'test');
    expect(await tokens.identify(token)).toEqual({
      actor: `token:${record.id}`,
      role: 'tenant-admin',
      tenant: 'acme',
      owner: false,
      tokenId: record.id,
    });
    expect(JSON.stringify([...store.records.values()])).not.toContain(token.slice(`tdm_${record.id}_`.length));
    expect(record.hash).toMatch(/^\$sha256\$[A-Za-z0-9+/]{43}=$/);
  });

  test('a wrong secret of a known token, an unknown token and noise are nobody', async () => {
    const { tokens } = setUp();
    const { token } = await tokens.create({ role: 'system-admin' }, 'test');
    const wrong = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
    for (const candidate of [wrong, `tdm_${'0'.repeat(16)}_${'A'.repeat(43)}`, '', 'tdm_owner_x', '__proto__']) {
      expect(await tokens.identify(candidate)).toBeUndefined();
    }
  });

  test('whoever is refused has had one record looked up that there is and one that there is not, whatever the reason', async () => {
    const { clock, store, tokens } = setUp();
    const looked: boolean[] = [];
    const { get } = store;
    store.get = async (id) => {
      const found = await Reflect.apply(get, store, [id]);
      looked.push(found !== undefined);
      return found;
    };
    const looksUp = async (of: Tokens, token: string): Promise<readonly boolean[]> => {
      looked.length = 0;
      expect(await of.identify(token)).toBeUndefined();
      return looked.toSorted();
    };
    const unknown = `tdm_${'1'.repeat(16)}_${'A'.repeat(43)}`;
    await tokens.bootstrap(undefined);
    const { token, record } = await tokens.create({ role: 'system-admin' }, 'test');
    const wrong = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
    for (const candidate of [unknown, wrong, 'noise']) expect(await looksUp(tokens, candidate)).toEqual([false, true]);
    await tokens.revoke(record);
    expect(await looksUp(tokens, token)).toEqual([false, true]);
    // Of another process, before anybody has come who has a record; and when that one's is gone.
    const elsewhere = new Tokens(store, clock, 100);
    await elsewhere.bootstrap(undefined);
    expect(await looksUp(elsewhere, unknown)).toEqual([false, true]);
    expect(await looksUp(elsewhere, wrong)).toEqual([false, true]);
    await store.delete(record.id);
    await elsewhere.identify(unknown);
    expect(await looksUp(elsewhere, unknown)).toEqual([false, true]);
    // Who is let in waits for no more than its own.
    const { token: good } = await tokens.create({ role: 'system-admin' }, 'test');
    looked.length = 0;
    await tokens.identify(good);
    expect(looked).toEqual([true]);
  });

  test('a token ends when it expires, and at once when it is revoked, although its digest is remembered', async () => {
    const { clock, tokens } = setUp();
    const short = await tokens.create({ role: 'system-admin', expiresInSeconds: 60 }, 'test');
    const revoked = await tokens.create({ role: 'system-admin' }, 'test');
    expect(await tokens.identify(short.token)).toMatchObject({ role: 'system-admin' });
    expect(await tokens.identify(revoked.token)).toMatchObject({ role: 'system-admin' });
    await tokens.revoke(revoked.record);
    expect(await tokens.identify(revoked.token)).toBeUndefined();
    clock.advance(60_000);
    expect(await tokens.identify(short.token)).toBeUndefined();
  });

  test('a tenant has a limited number of good tokens, also when many are asked for at once; ended ones make room', async () => {
    const clock = new VirtualScheduler();
    const tokens = new Tokens(new MemoryTokens(), clock, 3);
    const wanted = { role: 'tenant-admin' as const, tenant: 'acme' };
    await tokens.create({ ...wanted, expiresInSeconds: 60 }, 'test');
    const made = await Promise.allSettled(Array.from({ length: 5 }, () => tokens.create(wanted, 'test')));
    expect(made.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected']);
    await expect(tokens.create(wanted, 'test')).rejects.toMatchObject({ status: 409, code: 'too-many-tokens' });
    await tokens.create({ role: 'tenant-admin', tenant: 'bolt' }, 'test');
    await tokens.create({ role: 'system-admin' }, 'test');
    clock.advance(60_000);
    const { record } = await tokens.create(wanted, 'test');
    await expect(tokens.create(wanted, 'test')).rejects.toMatchObject({ code: 'too-many-tokens' });
    await tokens.revoke(record);
    await tokens.create(wanted, 'test');
  });

  test('200 wrong secrets of a known token take no longer than 200 of unknown ones: a hash each, no thread held', async () => {
    const { tokens } = setUp();
    const { token } = await tokens.create({ role: 'system-admin' }, 'test');
    const guessesOf = (id: string) =>
      Array.from({ length: 200 }, (_, index) => `tdm_${id}_${String(index).padStart(43, 'A')}`);
    for (const id of [token.split('_')[1] ?? '', '0'.repeat(16)]) {
      // Of the whole process, its threads too: a collection of garbage that other tests left is not in each of three.
      let leastMs = Number.POSITIVE_INFINITY;
      for (let tries = 0; tries < 3 && leastMs >= 500; tries++) {
        const cpu = process.cpuUsage();
        for (const guess of guessesOf(id)) expect(await tokens.identify(guess)).toBeUndefined();
        const { user, system } = process.cpuUsage(cpu);
        leastMs = Math.min(leastMs, (user + system) / 1000);
      }
      expect(leastMs, `CPU milliseconds for 200 guesses at ${id}`).toBeLessThan(500);
    }
  });

  test('a record whose hash is of another kind admits nobody', async () => {
    const { store, tokens } = setUp();
    const { token, record } = await tokens.create({ role: 'system-admin' }, 'test');
    for (const hash of ['', '$sha256$', `$argon2id$m=8,t=1,p=1$c2FsdA==$${record.hash.slice(8)}`, token]) {
      await store.put({ ...record, hash });
      expect(await tokens.identify(token)).toBeUndefined();
    }
  });

  test('tokens that have ended are listed for 30 days, at most 1,000 of a tenant, and removed when further ones are made', async () => {
    const { clock, store, tokens } = setUp();
    const day = 86_400_000;
    const good = await tokens.create({ role: 'tenant-admin', tenant: 'acme' }, 'test');
    const expired = await tokens.create({ role: 'tenant-admin', tenant: 'acme', expiresInSeconds: 60 }, 'test');
    const revoked = await tokens.create({ role: 'system-admin' }, 'test');
    await tokens.bootstrap('a-bootstrap-token-given');
    for (const id of [revoked.record.id, 'bootstrap']) await tokens.revoke((await store.get(id)) ?? revoked.record);
    clock.advance(29 * day);
    await tokens.create({ role: 'system-admin' }, 'test');
    expect(store.records.has(expired.record.id) && store.records.has(revoked.record.id)).toBe(true);
    clock.advance(2 * day);
    await tokens.create({ role: 'system-admin' }, 'test');
    expect(store.records.has(expired.record.id) || store.records.has(revoked.record.id)).toBe(false);
    expect(store.records.has(good.record.id) && store.records.has('bootstrap')).toBe(true);
    for (let index = 0; index < 1_050; index++) {
      await store.put({
        ...good.record,
        id: `ended-${index}`,
        revokedAt: new Date(clock.wallMs() + index).toISOString(),
      });
    }
    await tokens.create({ role: 'system-admin' }, 'test');
    const ended = [...store.records.keys()].filter((id) => id.startsWith('ended-'));
    expect([ended.length, store.records.has('ended-49'), store.records.has('ended-50')]).toEqual([1_000, false, true]);
  });

  test('the first start makes one system-admin token and never another', async () => {
    const { store, tokens } = setUp();
    const token = await tokens.bootstrap(undefined);
    expect(await tokens.identify(token ?? '')).toMatchObject({ role: 'system-admin' });
    expect(await tokens.bootstrap(undefined)).toBeUndefined();
    expect(store.records.size).toBe(1);
  });

  test('TANDEM_BOOTSTRAP_TOKEN admits; once revoked it stays so although it is still set; a short one is refused', async () => {
    const { tokens } = setUp();
    const given = 'a-bootstrap-token-given';
    expect(await tokens.bootstrap(given)).toBeUndefined();
    expect(await tokens.identify(given)).toMatchObject({ role: 'system-admin', actor: 'token:bootstrap' });
    const [record] = await tokens.list();
    if (record !== undefined) await tokens.revoke(record);
    await tokens.bootstrap(given);
    expect(await tokens.identify(given)).toBeUndefined();
    await expect(tokens.bootstrap('short')).rejects.toThrow('at least 16 characters');
  });

  test("the owner's token is in a file that only its user can read, and it is good for this engine only", async () => {
    const { clock, store, tokens } = setUp();
    const path = join(mkdtempSync(join(tmpdir(), 'tandem-')), 'data', 'owner-token');
    tokens.takeOwnerToken(writeOwnerToken(path));
    const token = readFileSync(path, 'utf8').trim();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await tokens.identify(token)).toEqual({ actor: 'owner', role: 'system-admin', owner: true });
    expect(await new Tokens(store, clock, 100).identify(token)).toBeUndefined();
  });
});

test.each([0, 315_360_001])(
  'how long a token may be good is said in days, as the console asks for it: %i s',
  async (expiresInSeconds) => {
    const world = await startTestApi();
    onTestFinished(() => world.close());
    const body = { role: 'system-admin', expiresInSeconds };
    const refused = await ask(world, world.tokens.system, 'POST', '/api/v1/tokens', body);
    expect([refused.status, refused.body.path, refused.body.detail]).toEqual([
      422,
      'expiresInSeconds',
      expect.stringContaining('must be 1 second to 3650 days'),
    ]);
  },
);
