import { setTimeout as pauseMs } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import type { Stores } from '../../../src/store/index.ts';
import { RELEASE } from '../../../src/store/redis/scripts.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { eventually, onTwoNodes } from './world.ts';

describe.skipIf(peersSkipped)('leases of several nodes on one Redis', () => {
  let a: Stores;
  let b: Stores;
  let admin: Redis;

  const nodes = onTwoNodes((made) => {
    ({ a, b, admin } = made);
  });

  test('a lease is one node’s; closing hands it over at once', async () => {
    expect(await a.trunkLease.acquire('trunk 1', 8000)).toBe(true);
    expect(await b.trunkLease.acquire('trunk 1', 8000)).toBe(false);
    await a.close();
    expect(await b.trunkLease.acquire('trunk 1', 8000)).toBe(true);
  });

  test('of two nodes asking at once exactly one gets the lease, for each of 100', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `trunk ${index}`);
    const [ofA, ofB] = await Promise.all(
      [a, b].map(({ trunkLease }) => Promise.all(names.map((name) => trunkLease.acquire(name, 5000)))),
    );
    expect(ofA?.map((isGranted) => !isGranted)).toEqual(ofB);
  });

  test('what gives a lease up and comes late ends no later holding of the same process', async () => {
    await a.trunkLease.acquire('trunk 1', 8000);
    const lease = nodes.key('lease:trunk 1');
    const [holder = '', fence = ''] = await admin.hmget(lease, 'holder', 'fence');
    await admin.del(lease);
    await a.trunkLease.acquire('trunk 1', 8000);
    await admin.eval(RELEASE.text, 1, lease, holder ?? '', fence ?? '');
    expect(await b.trunkLease.acquire('trunk 1', 8000)).toBe(false);
    a.trunkLease.release('trunk 1');
    await eventually(async () => b.trunkLease.acquire('trunk 1', 8000));
  });

  test('a lease is renewed by its holder, taken again when it ran out while nobody else asked, and lost to who asks first then', async () => {
    expect(await a.trunkLease.acquire('registration 1', 300)).toBe(true);
    expect(await b.trunkLease.acquire('registration 1', 300)).toBe(false);
    expect(await b.trunkLease.acquire('registration 1', 300)).toBe(false);
    await pauseMs(400);
    expect(await a.trunkLease.acquire('registration 1', 300)).toBe(true);
    await pauseMs(350);
    expect(await b.trunkLease.acquire('registration 1', 8000)).toBe(true);
    expect(await a.trunkLease.acquire('registration 1', 300)).toBe(false);
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
