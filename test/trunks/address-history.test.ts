import { expect, test } from 'vitest';
import type { Log } from '../../src/base/log.ts';
import { silentLog } from '../../src/base/log.ts';
import { type AddressClaim, Precedence } from '../../src/provisioning/directory/precedence.ts';
import { AddressHistory, type ClaimStore } from '../../src/trunks/address-history.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { directoryOf, idOf } from './provider.ts';

const ADDRESS = '203.0.113.1';

class Kept implements ClaimStore {
  readonly claims = new Map<string, AddressClaim>();
  isDown = false;

  async load() {
    this.#check();
    return [...this.claims.values()];
  }

  async keep(claims: readonly AddressClaim[]) {
    this.#check();
    return claims.map((claim) => {
      const key = `${claim.trunkId} ${claim.address}`;
      const before = this.claims.get(key) ?? claim;
      const kept = { ...claim, since: Math.min(before.since, claim.since) };
      this.claims.set(key, kept);
      return kept;
    });
  }

  async forget(claims: readonly AddressClaim[]) {
    this.#check();
    for (const { trunkId, address } of claims) this.claims.delete(`${trunkId} ${address}`);
  }

  #check() {
    if (this.isDown) throw new Error('unreachable');
  }
}

const trunkOf = (name: string) => ({
  id: String(idOf(name)),
  name,
  type: 'register' as const,
  owner: name,
  host: `${name}.example`,
  credentials: { authName: name, password: 'p' },
  didPool: '1',
});

async function start(store: ClaimStore, log: Log = silentLog) {
  const directory = directoryOf([trunkOf('globex'), trunkOf('acme')]);
  const trunk = (name: string) => directory.trunk(String(idOf(name))) ?? expect.unreachable();
  const clock = new VirtualScheduler();
  const precedence = new Precedence(clock);
  const history = new AddressHistory(store, precedence, clock, log);
  await history.begin(directory);
  return {
    clock,
    precedence,
    history,
    located: (name: string, ...addresses: string[]) => precedence.located(trunk(name), addresses),
    first: () => (precedence.compare(trunk('globex'), trunk('acme'), ADDRESS, directory) < 0 ? 'globex' : 'acme'),
  };
}

test('who had an address first is kept, and is known in the next life', async () => {
  const store = new Kept();
  const life = await start(store);
  life.located('acme', ADDRESS);
  life.clock.advance(20_000);
  life.located('globex', ADDRESS);
  await life.history.flush();
  expect(store.claims.size).toBe(2);
  const next = await start(store);
  next.located('globex', ADDRESS);
  next.located('acme', ADDRESS);
  expect(next.first()).toBe('acme');
});

test('what another node noted before is taken over with the answer to the write', async () => {
  const store = new Kept();
  const life = await start(store);
  life.clock.advance(20_000);
  life.located('globex', ADDRESS);
  life.clock.advance(1);
  life.located('acme', ADDRESS);
  expect(life.first()).toBe('globex');
  await store.keep([{ trunkId: String(idOf('acme')), address: ADDRESS, since: 1 }]);
  await life.history.flush();
  expect(life.first()).toBe('acme');
});

test('a store that is away stops no start; it is told, and written when the store is back', async () => {
  const store = new Kept();
  store.isDown = true;
  const said: string[] = [];
  const life = await start(store, { ...silentLog, warn: (event: string) => said.push(event) } as unknown as Log);
  life.located('acme', ADDRESS);
  await life.history.flush();
  expect(said).toEqual(['trunk-addresses-not-read', 'trunk-addresses-not-written']);
  store.isDown = false;
  await life.history.flush();
  expect([...store.claims.values()]).toMatchObject([{ trunkId: String(idOf('acme')), address: ADDRESS }]);
});

test('a trunk that is deleted is forgotten, also one that was deleted without this node', async () => {
  const store = new Kept();
  await store.keep([{ trunkId: '7', address: ADDRESS, since: 5 }]);
  const life = await start(store);
  life.located('acme', ADDRESS);
  await life.history.flush();
  expect([...store.claims.values()].map(({ trunkId }) => trunkId)).toEqual([String(idOf('acme'))]);
  life.precedence.forget(String(idOf('acme')));
  await life.history.flush();
  expect(store.claims.size).toBe(0);
});
