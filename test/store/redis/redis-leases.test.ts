import { setTimeout as pauseMs } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import type { Stores } from '../../../src/store/index.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { eventually, onTwoNodes } from './world.ts';

describe.skipIf(peersSkipped)('leases of several nodes on one Redis', () => {
  let a: Stores;
  let b: Stores;
  let admin: Redis;

  onTwoNodes((made) => {
    ({ a, b, admin } = made);
  });

  test('a lease is one node’s; closing hands it over at once, with a greater fence', async () => {
    const first = await a.leases.acquire('trunk/1', 8000);
    expect(first).toBeDefined();
    expect(await b.leases.acquire('trunk/1', 8000)).toBeUndefined();
    await a.close();
    const second = await b.leases.acquire('trunk/1', 8000);
    expect(second?.fence).toBeGreaterThan(first?.fence ?? Number.POSITIVE_INFINITY);
  });

  test('a lease that is not renewed is free when its time is over, and its old holder cannot renew it', async () => {
    const first = await a.leases.acquire('trunk/1', 400);
    if (first === undefined) throw new Error('not granted');
    const takenMs = await eventually(async () => (await b.leases.acquire('trunk/1', 8000)) !== undefined);
    expect(takenMs).toBeGreaterThan(300);
    expect(takenMs).toBeLessThan(1000);
    expect(await a.leases.renew('trunk/1', first, 8000)).toBe(false);
  });

  test('of two nodes asking at once exactly one gets the lease, for each of 100', async () => {
    for (let i = 0; i < 100; i++) {
      const answers = await Promise.all([a.leases.acquire(`l-${i}`, 5000), b.leases.acquire(`l-${i}`, 5000)]);
      expect(answers.filter((lease) => lease !== undefined)).toHaveLength(1);
    }
  });

  test('leases as trunks ask for them: one holder, renewed, taken again when it ran out while nobody else asked', async () => {
    expect(await a.trunkLease.acquire('registration 1', 300)).toBe(true);
    expect(await b.trunkLease.acquire('registration 1', 300)).toBe(false);
    expect(await b.trunkLease.renew('registration 1', 300)).toBe(false);
    await pauseMs(400);
    expect(await a.trunkLease.renew('registration 1', 300)).toBe(true);
    await pauseMs(350);
    expect(await b.trunkLease.acquire('registration 1', 8000)).toBe(true);
    expect(await a.trunkLease.renew('registration 1', 300)).toBe(false);
    b.trunkLease.release('registration 1');
    await eventually(async () => a.trunkLease.acquire('registration 1', 300));
  });

  test('2,000 leases asked for at once are granted, and refused to the other node, in a few commands', async () => {
    const keys = Array.from({ length: 2000 }, (_, index) => `registration ${index}`);
    const before = Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0);
    expect(await Promise.all(keys.map((key) => a.trunkLease.acquire(key, 8000)))).toEqual(keys.map(() => true));
    expect(await Promise.all(keys.map((key) => b.trunkLease.acquire(key, 8000)))).toEqual(keys.map(() => false));
    const after = Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0);
    expect(after - before).toBeLessThan(20);
  });
});
