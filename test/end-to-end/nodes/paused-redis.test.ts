import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type Cluster, type ClusterNode, startCluster } from './cluster.ts';
import { Phone } from './phone.ts';

/** Of writes: long enough for four connections to Redis, each of which is there until something is written. */
const PAUSE_MS = 9_000;

describe.skipIf(peersSkipped)('a Redis that answers reads and leaves writes waiting', () => {
  let cluster: Cluster;
  let node: ClusterNode;
  let redis: Redis;

  beforeAll(async () => {
    const provisioning = { tenants: [acme()], trunks: [carrierTrunk(await freePort())] };
    cluster = await startCluster(['127.0.0.35'], provisioning);
    [node] = cluster.nodes as [ClusterNode];
    redis = new Redis(cluster.redis.url);
  }, 60_000);
  afterAll(async () => {
    redis?.disconnect();
    await cluster?.stop();
  });

  test('a node waits for it once, and serves what comes afterwards; when it takes writes again, it says whose the calls are', async () => {
    const [alice, bob] = [await new Phone('101').open(), await new Phone('102').open()];
    onTestFinished(() => {
      alice.close();
      bob.close();
    });
    expect((await bob.register(node.address)).status).toBe(200);
    const up = await alice.call(node.address, '102', Number.POSITIVE_INFINITY);
    expect(up.status).toBe(200);
    await eventually('its snapshot', async () => (await redis.hlen(`tandem:{tandem}:calls:${node.name}`)) === 1);
    const before = node.process.child.output().length;
    const waits = () =>
      node.process.child
        .output()
        .slice(before)
        .split('\n')
        .filter((line) => line.includes('"event":"calls-in-doubt"'));
    await redis.call('CLIENT', 'PAUSE', PAUSE_MS, 'WRITE');
    const pausedAtMs = performance.now();
    const isPaused = () => performance.now() - pausedAtMs < PAUSE_MS - 1_000;
    // Somebody without an account: answered by the node alone.
    const stranger = await new Phone('nobody').open();
    onTestFinished(() => stranger.close());
    let latestMs = 0;
    for (let asked = 0; isPaused(); asked++) {
      const beganMs = performance.now();
      const { status } = await stranger.call(node.address, `90${asked}`).catch(() => ({ status: 0 }));
      expect(status).toBeGreaterThanOrEqual(400);
      latestMs = Math.max(latestMs, performance.now() - beganMs);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const inVain = waits();
    console.log(`the longest answer took ${Math.round(latestMs)} ms; ${inVain.join(' ')}`);
    expect(inVain).toHaveLength(1);
    expect(inVain[0]).toContain('"storeAnswered":false');
    await eventually('its word', () => waits().at(-1)?.includes('"storeAnswered":true'), { timeoutMs: 10_000 });
    expect([alice.heard, bob.heard]).toEqual([[], []]);
    expect((await alice.hangUp(node.address, up)).status).toBe(200);
    await eventually('the other BYE', () => bob.heard.includes('BYE'));
    expect(node.process.child.output()).not.toContain('"event":"calls-taken"');
  }, 60_000);
});
