import { expect, test } from 'vitest';
import { type AddressClaim, Precedence } from '../../../src/provisioning/directory/precedence.ts';
import type { TrunkInput } from '../../../src/provisioning/trunk-settings/schema.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { directoryOf, idOf } from '../../trunks/provider.ts';

const ADDRESS = '203.0.113.1';
const OTHER = '203.0.113.2';
const DAY_MS = 86_400_000;

const own = (name: string, changes: Partial<TrunkInput> = {}): TrunkInput => ({
  id: String(idOf(name)),
  name,
  type: 'register',
  owner: name,
  host: `${name}.example`,
  credentials: { authName: name, password: 'p' },
  didPool: '1',
  ...changes,
});

/** globex's trunk was provisioned first: where nothing else tells them apart, it counts as the earlier. */
function start(kept: readonly AddressClaim[] = [], changes: Partial<TrunkInput> = {}) {
  const directory = directoryOf([own('globex', changes), own('acme')]);
  const trunk = (name: string) => directory.trunk(String(idOf(name))) ?? expect.unreachable();
  const clock = new VirtualScheduler();
  const precedence = new Precedence(clock);
  const store = new Map(kept.map((claim) => [`${claim.trunkId} ${claim.address}`, claim]));
  precedence.begin(kept, {
    onClaim: (claim) => store.set(`${claim.trunkId} ${claim.address}`, claim),
    onGone: ({ trunkId, address }) => store.delete(`${trunkId} ${address}`),
  });
  return {
    clock,
    precedence,
    store,
    located: (name: string, ...addresses: string[]) => precedence.located(trunk(name), addresses),
    first: (address = ADDRESS) =>
      precedence.compare(trunk('globex'), trunk('acme'), address, directory) < 0 ? 'globex' : 'acme',
    directory,
  };
}

test('who came later to an address stays later over a restart, whichever answer of the DNS comes first then', () => {
  const life = start();
  life.located('acme', ADDRESS);
  life.clock.advance(60_000);
  life.located('globex', ADDRESS);
  expect(life.first()).toBe('acme');
  const next = start([...life.store.values()]);
  next.located('globex', ADDRESS);
  next.clock.advance(30_000);
  expect(next.first()).toBe('acme');
  next.located('acme', ADDRESS);
  expect(next.first()).toBe('acme');
});

test('who moved to it while the node was down comes after who was there', () => {
  const life = start();
  life.located('acme', ADDRESS);
  life.located('globex', OTHER);
  const next = start([...life.store.values()]);
  next.located('globex', ADDRESS);
  next.located('acme', ADDRESS);
  expect(next.first()).toBe('acme');
});

test('what trunks are found to have at the start is equally old: who was provisioned first; what changes then is later', () => {
  const { clock, located, first } = start();
  located('acme', ADDRESS);
  clock.advance(9_000);
  located('globex', ADDRESS);
  expect(first()).toBe('globex');
  located('acme', ADDRESS, OTHER);
  located('globex', ADDRESS, OTHER);
  expect(first(OTHER)).toBe('acme');
});

test('what a name is found to have at the start is as old though others of its trunk were answered before it', () => {
  const { clock, precedence, directory, located, first } = start();
  const globex = directory.trunk(String(idOf('globex'))) ?? expect.unreachable();
  located('acme', ADDRESS);
  precedence.located(globex, [OTHER], false);
  clock.advance(9_000);
  located('globex', OTHER, ADDRESS);
  expect(first()).toBe('globex');
});

test('a trunk whose name resolves to nothing at first has an address since it was found, not since there is the trunk', () => {
  const { clock, located, first } = start();
  located('globex');
  located('acme', ADDRESS);
  clock.advance(20_000);
  located('globex', ADDRESS);
  expect(first()).toBe('acme');
});

test('an address that is named now and then is kept for a week, not for ever', () => {
  const { clock, located, first, store } = start();
  clock.advance(DAY_MS);
  located('acme', ADDRESS, OTHER);
  clock.advance(1_000);
  located('globex', ADDRESS);
  located('acme', OTHER);
  clock.advance(6 * DAY_MS);
  located('acme', ADDRESS);
  expect(first()).toBe('acme');
  located('acme', OTHER);
  clock.advance(7 * DAY_MS);
  located('acme', ADDRESS);
  expect(first()).toBe('globex');
  expect([...store.keys()].filter((key) => key.endsWith(ADDRESS))).toHaveLength(2);
});

test('the latest of very many addresses that were left are kept', () => {
  const { clock, located, store } = start();
  for (let index = 0; index < 300; index++) {
    clock.advance(30_000);
    located('globex', `198.51.100.${index % 256}`, `198.18.${index}.1`);
  }
  expect(store.size).toBeLessThan(70);
  expect([...store.keys()].at(-1)).toContain('198.18.299.1');
});

test('a clock that is set back makes nobody the earlier', () => {
  const since = 4_000_000_000_000;
  const { clock, located, first } = start([{ trunkId: String(idOf('acme')), address: ADDRESS, since }]);
  located('acme', ADDRESS);
  clock.advance(60_000);
  located('globex', ADDRESS);
  expect(first()).toBe('acme');
});

test('what another node noted earlier counts here too; nothing is learnt of what this one does not know', () => {
  const { clock, located, first, precedence, store } = start();
  clock.advance(20_000);
  located('globex', ADDRESS);
  clock.advance(10_000);
  located('acme', ADDRESS);
  const [noted] = [...store.values()].filter(({ trunkId }) => trunkId === String(idOf('acme')));
  if (noted === undefined) expect.unreachable();
  expect(first()).toBe('globex');
  precedence.adopt([{ ...noted, since: 1 }]);
  expect(first()).toBe('acme');
  precedence.adopt([{ ...noted, trunkId: String(idOf('globex')), address: OTHER, since: 0 }]);
  located('globex', OTHER);
  located('acme', OTHER);
  clock.advance(1);
  expect(first(OTHER)).toBe('globex');
});

test('a trunk that is gone leaves nothing behind, also when it went while the node was down', () => {
  const { located, precedence, store, directory } = start([{ trunkId: '7', address: ADDRESS, since: 5 }]);
  precedence.forgetAllBut(directory);
  expect(store.size).toBe(0);
  located('acme', ADDRESS);
  precedence.forget(String(idOf('acme')));
  expect(store.size).toBe(0);
});

test('what is written in settings is before what a name resolves to, and is not noted', () => {
  const { clock, located, first, store } = start([], { associatedIps: [`${ADDRESS}/32`] });
  located('acme', ADDRESS);
  clock.advance(20_000);
  located('globex', ADDRESS);
  expect(first()).toBe('globex');
  expect([...store.values()].map(({ trunkId }) => trunkId)).toEqual([String(idOf('acme'))]);
});
