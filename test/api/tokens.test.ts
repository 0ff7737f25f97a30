import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Tokens } from '../../src/api/tokens.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { MemoryTokens } from './kit.ts';

function setUp() {
  const clock = new VirtualScheduler();
  const store = new MemoryTokens();
  return { clock, store, tokens: new Tokens(store, clock) };
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
    expect(record.hash).toMatch(/^\$argon2id\$m=19456,t=2,p=1\$/);
  });

  test('a wrong secret of a known token, an unknown token and noise are nobody', async () => {
    const { tokens } = setUp();
    const { token } = await tokens.create({ role: 'system-admin' }, 'test');
    const wrong = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
    for (const candidate of [wrong, `tdm_${'0'.repeat(16)}_${'A'.repeat(43)}`, '', 'tdm_owner_x', '__proto__']) {
      expect(await tokens.identify(candidate)).toBeUndefined();
    }
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

  test('many requests with one fresh token verify it once and all pass', async () => {
    const { tokens } = setUp();
    const { token } = await tokens.create({ role: 'system-admin' }, 'test');
    const identities = await Promise.all(Array.from({ length: 100 }, () => tokens.identify(token)));
    expect(identities.every((identity) => identity !== undefined && identity !== 'busy')).toBe(true);
  });

  test('verifications wait for each other, and beyond a bound say busy: argon2 cannot be used to exhaust memory', async () => {
    const { tokens } = setUp();
    const { token } = await tokens.create({ role: 'system-admin' }, 'test');
    const id = token.split('_')[1];
    const guesses = Array.from({ length: 80 }, (_, index) => `tdm_${id}_${String(index).padStart(43, 'A')}`);
    const verdicts = await Promise.all(guesses.map((guess) => tokens.identify(guess)));
    expect(verdicts.filter((verdict) => verdict === 'busy').length).toBeGreaterThan(0);
    expect(verdicts.filter((verdict) => verdict !== 'busy').every((verdict) => verdict === undefined)).toBe(true);
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
    tokens.writeOwnerToken(path);
    const token = readFileSync(path, 'utf8').trim();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await tokens.identify(token)).toEqual({ actor: 'owner', role: 'system-admin', owner: true });
    expect(await new Tokens(store, clock).identify(token)).toBeUndefined();
  });
});
