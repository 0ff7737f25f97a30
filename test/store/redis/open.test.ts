import { expect, onTestFinished, test } from 'vitest';
import { LastCopy } from '../../../src/store/redis/last-copy.ts';
import { isCollected } from '../../kit/collected.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { startRedis } from '../../kit/redis.ts';
import { commitOf, tenant } from '../records.ts';
import { redisWorld } from './world.ts';

test.skipIf(peersSkipped)(
  'what a node has read of its last copy is let go of when it serves what Redis has',
  async () => {
    const server = await startRedis();
    const world = await redisWorld({ url: server.url });
    onTestFinished(async () => {
      await server.stop();
      await world.close();
    });
    const before = await world.open();
    await before.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')] }));
    await before.close();

    const { read } = LastCopy;
    let copy: WeakRef<object> | undefined;
    LastCopy.read = (...where) => {
      const kept = read(...where);
      if (kept !== undefined) copy = new WeakRef<object>(kept.copy);
      return kept;
    };
    onTestFinished(() => {
      LastCopy.read = read;
    });
    const again = await world.open();
    onTestFinished(() => again.close());
    if (copy === undefined) throw new Error('no copy was read');
    expect(await isCollected(copy)).toBe(true);
    expect((await again.provisioning.load()).state.tenants).toEqual([tenant('acme')]);
  },
);
