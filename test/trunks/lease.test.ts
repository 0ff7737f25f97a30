import { expect, test } from 'vitest';
import type { Scheduler } from '../../src/base/scheduler.ts';
import { LEASE_MS, Lease, type LeasePort } from '../../src/trunks/lease.ts';
import { registerTrunk, settle, TrunkWorld } from './provider.ts';

/** A store that several nodes share, on the test's own clock. */
class SharedLeases {
  readonly holders = new Map<string, { node: string; untilMs: number }>();
  isAway = false;
  /** How long it takes until somebody who asks knows that it is away. */
  silentMs = 0;
  readonly #scheduler: TrunkWorld['scheduler'];
  readonly #nowMs: () => number;

  constructor(scheduler: TrunkWorld['scheduler']) {
    this.#scheduler = scheduler;
    this.#nowMs = () => scheduler.nowMs();
  }

  node(node: string): LeasePort {
    const take = async (key: string, leaseMs: number): Promise<boolean> => {
      if (this.isAway) {
        await new Promise<void>((resolve) => this.#scheduler.schedule(this.silentMs, { onTimer: () => resolve() }, 0));
        throw new Error('store away');
      }
      const holder = this.holders.get(key);
      if (holder !== undefined && holder.node !== node && holder.untilMs > this.#nowMs()) return false;
      this.holders.set(key, { node, untilMs: this.#nowMs() + leaseMs });
      return true;
    };
    return {
      acquire: take,
      release: (key) => {
        if (this.holders.get(key)?.node === node) this.holders.delete(key);
      },
    };
  }
}

async function runFor(world: TrunkWorld, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    world.scheduler.advance(1000);
    await settle();
  }
}

function nodes() {
  let leases: SharedLeases | undefined;
  const port = (node: string): LeasePort => ({
    acquire: (key, ms) => (leases as SharedLeases).node(node).acquire(key, ms),
    release: (key) => (leases as SharedLeases).node(node).release(key),
  });
  const first = new TrunkWorld([registerTrunk()], { lease: port('one') });
  leases = new SharedLeases(first.scheduler);
  return { first, leases };
}

test('only the node that holds the lease registers; the other stands by and takes over', async () => {
  const { first, leases } = nodes();
  leases.holders.set(`registration ${first.status().trunkId}`, { node: 'two', untilMs: 25_000 });
  first.service.start();
  await runFor(first, 20);
  expect(first.provider.registers()).toHaveLength(0);
  expect(first.status()).toMatchObject({ state: 'unknown', reason: 'another node registers this trunk' });
  // Calls may go out all the same: the provider knows the trunk.
  expect(first.service.condition(first.status().trunkId).up).toBe(true);
  await runFor(first, 25);
  expect(first.status().state).toBe('online');
  expect(leases.holders.get(`registration ${first.status().trunkId}`)?.node).toBe('one');
});

test('a node that lost its lease stops refreshing', async () => {
  const { first, leases } = nodes();
  first.service.start();
  await runFor(first, 15);
  expect(first.status().state).toBe('online');
  leases.holders.set(`registration ${first.status().trunkId}`, { node: 'two', untilMs: 1e9 });
  await runFor(first, 700);
  expect(first.provider.registers()).toHaveLength(1);
  expect(first.status().state).toBe('unknown');
});

test('a store that is away: who registers goes on until its lease has run out, and again when the store is back', async () => {
  const { first, leases } = nodes();
  first.service.start();
  await runFor(first, 15);
  leases.isAway = true;
  await runFor(first, LEASE_MS / 1000 - 3);
  expect(first.status().state).toBe('online');
  const before = first.provider.registers().length;
  await runFor(first, 1200);
  // Another node may have it by now: nothing is refreshed, and nothing is removed at the provider either.
  expect(first.provider.registers().length).toBe(before);
  leases.isAway = false;
  await runFor(first, 10);
  expect(first.provider.registers().length).toBeGreaterThan(before);
  expect(first.status().state).toBe('online');
});

test('the lease is given back when the trunk goes', async () => {
  const { first, leases } = nodes();
  first.service.start();
  await runFor(first, 15);
  first.apply([]);
  await runFor(first, 2);
  expect(leases.holders.size).toBe(0);
});

test('a store that is away: the holder ends with its lease, whenever it had asked last', async () => {
  const { first, leases } = nodes();
  first.service.start();
  await runFor(first, 15);
  const trunkId = first.status().trunkId;
  const untilMs = leases.holders.get(`registration ${trunkId}`)?.untilMs ?? 0;
  leases.isAway = true;
  leases.silentMs = 250;
  while (first.scheduler.nowMs() < untilMs - 20) {
    first.scheduler.advance(10);
    await settle();
  }
  expect(first.status().state).toBe('online');
  first.scheduler.advance(40);
  await settle();
  expect(first.status()).toMatchObject({ state: 'unknown', reason: 'another node registers this trunk' });
});

test('a REGISTER that was not answered while the lease was held is not sent again after it: by then another node registers', async () => {
  const { first, leases } = nodes();
  first.provider.onRegister = () => {};
  first.service.start();
  while (first.sent('REGISTER') === 0) await runFor(first, 1);
  leases.isAway = true;
  await runFor(first, LEASE_MS / 1000 - 3);
  // RFC 3261 §17.1.2.2: at T1, and so on.
  const before = first.sent('REGISTER');
  expect(before).toBeGreaterThan(1);
  await runFor(first, 3);
  const after = first.sent('REGISTER');
  await runFor(first, 60);
  expect(first.sent('REGISTER')).toBe(after);
});

test('a lease ends while timers are held because the store is away: what waits with them finds that it is over', async () => {
  const { first, leases } = nodes();
  const { scheduler: time } = first;
  const held: Scheduler = {
    nowMs: () => time.nowMs(),
    wallMs: () => time.wallMs(),
    schedule: (delayMs, target, kind) => time.schedule(leases.isAway ? 1e9 : delayMs, target, kind),
    unheld: time,
  };
  const told: string[] = [];
  const holder = { onLease: () => told.push('has it'), onLeaseElsewhere: () => told.push('has it no more') };
  const lease = new Lease('of a trunk', leases.node('one'), held, holder);
  lease.start();
  await settle();
  time.advance(1_999);
  await settle();
  leases.isAway = true;
  time.advance(2);
  await settle();
  time.advance(LEASE_MS - 2_001);
  await settle();
  expect(told).toEqual(['has it']);
  time.advance(5);
  expect(told).toEqual(['has it', 'has it no more']);
});
