import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type Cluster, type ClusterNode, startCluster } from '../nodes/cluster.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';
import { acme, carrierTrunk } from '../world.ts';
import { metric } from './rest.ts';

const CALLS_PER_SECOND = 25;
const RECOVERY_MS = 3000;
/** What the store is told of within its own time: bindings go behind the answer to the phone. */
const BINDINGS_KEY = 'tandem:{tandem}:bindings';

describe.skipIf(peersSkipped)(
  `Redis goes away during ${CALLS_PER_SECOND} calls per second, and every one goes as if nothing had been`,
  () => {
    let cluster: Cluster;
    let node: ClusterNode;
    let carrierPort: number;
    let changes = 0;

    beforeAll(async () => {
      carrierPort = await freePort();
      // With the timers of RFC 3261, not the short ones of a cluster: SIPp takes a repeated INVITE for a fault, and how soon it answers is not asked here.
      cluster = await startCluster(
        ['127.0.0.41'],
        { tenants: [acme()], trunks: [carrierTrunk(carrierPort)] },
        { timers: {} },
      );
      node = cluster.nodes[0] as ClusterNode;
    }, 60_000);
    afterAll(() => cluster?.stop());

    /** Places calls from before a fault until after it. */
    async function duringCalls(fault: () => Promise<void>): Promise<void> {
      const endless = { calls: 1_000_000, timeoutSeconds: 100, traceMessages: false };
      const carrier = await startAnswerer('answer', { ...endless, localPort: carrierPort });
      const rate = { callsPerSecond: CALLS_PER_SECOND, pauseMs: 1500 };
      const caller = await startCaller('phone-call', node.address, { ...endless, ...rate });
      await eventually('calls in progress', async () => (await metric(node.api, 'tandem_calls_live')) >= 20, {
        timeoutMs: 15_000,
      });
      await fault();
      // No new ones; those that are up end as their scenarios say.
      caller.child.signal('SIGUSR1');
      const placed = await caller.finished;
      carrier.child.signal('SIGUSR1');
      const answered = await carrier.finished;
      expect([placed.failed, answered.failed], placed.errors.slice(0, 3000)).toEqual([0, 0]);
      expect(placed.successful).toBeGreaterThan(20);
      expect(answered.successful).toBe(placed.successful);
      await eventually('the end of every call', async () => (await metric(node.api, 'tandem_calls_live')) === 0);
      expect(await metric(node.api, 'uncaught_exceptions_total')).toBe(0);
      console.log(`${placed.successful} calls, ${placed.retransmissions} retransmissions`);
    }

    const write = () => {
      changes++;
      return node.ask('PATCH', '/api/v1/tenants/acme/extensions/103', { name: `Carol ${changes}` });
    };

    const readiness = async () => (await node.ask('GET', '/readyz')) as { status: number; body: { reasons: string[] } };

    const timed = async <T>(asked: Promise<T>) => {
      const askedAtMs = performance.now();
      const answer = await asked;
      return { answer, ms: performance.now() - askedAtMs };
    };

    /** What holds while Redis is away; leaves a phone registered that Redis does not know. */
    const whileAway = async (user: string) => {
      await eventually('/readyz to say so', async () => (await readiness()).body.reasons.includes('store-unreachable'));
      // New calls are taken all the same, so the node is ready.
      expect(await readiness()).toMatchObject({ status: 200, body: { status: 'ready' } });
      expect(await metric(node.api, 'tandem_store_up')).toBe(0);
      expect(await metric(node.api, 'tandem_problem{problem="store-unreachable"}')).toBe(1);
      // What takes a read as long at the same time is the machine.
      const [refused, read] = await Promise.all([timed(write()), timed(readiness())]);
      expect(refused.answer).toMatchObject({ status: 503, body: { code: 'store-unavailable' } });
      expect(refused.ms - read.ms).toBeLessThan(1500);
      const token = await node.ask('POST', '/api/v1/tokens', { role: 'system-admin' });
      expect(token).toMatchObject({ status: 503, body: { code: 'store-unavailable' } });
      // Reads come from the copy, and the copy is not what was refused.
      const { body } = await node.ask('GET', '/api/v1/tenants/acme/extensions/103');
      expect(body.name).not.toBe(`Carol ${changes}`);
      await allWell(await startCaller('phone-register', node.address, { keys: { user } }));
      expect(await metric(node.api, 'tandem_calls_live')).toBeGreaterThanOrEqual(5);
    };

    /** What holds once Redis is back. */
    const onceBack = async (what: string, user: string, backAtMs: number) => {
      await eventually('/readyz to be clear', async () => (await readiness()).body.reasons.length === 0, {
        timeoutMs: 10_000,
      });
      const recoveryMs = performance.now() - backAtMs;
      console.log(`${what}: recovered after ${Math.round(recoveryMs)} ms`);
      expect(recoveryMs).toBeLessThan(RECOVERY_MS);
      expect(await metric(node.api, 'tandem_store_up')).toBe(1);
      expect((await write()).status).toBe(200);
      const redis = new Redis(cluster.redis.port, '127.0.0.1');
      try {
        await eventually(
          'the registration in Redis',
          async () => (await redis.hexists(BINDINGS_KEY, `${user}@acme.test`)) === 1,
        );
      } finally {
        redis.disconnect();
      }
    };

    test('kill -9 and a start on its data', () =>
      duringCalls(async () => {
        await cluster.redis.kill();
        await whileAway('101');
        await cluster.redis.start();
        await onceBack('kill -9', '101', performance.now());
      }));

    test('SIGSTOP and SIGCONT', () =>
      duringCalls(async () => {
        cluster.redis.child().signal('SIGSTOP');
        await whileAway('102');
        cluster.redis.child().signal('SIGCONT');
        await onceBack('SIGSTOP', '102', performance.now());
      }));

    test('an orderly restart', () =>
      duringCalls(async () => {
        cluster.redis.child().signal('SIGTERM');
        await cluster.redis.child().exited;
        await whileAway('103');
        await cluster.redis.start();
        await onceBack('restart', '103', performance.now());
      }));
  },
);
