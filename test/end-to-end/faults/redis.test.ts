import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import type { Sipp } from '../../kit/sipp.ts';
import { TEST_WORKERS } from '../../kit/test-workers.ts';
import { type Cluster, type ClusterNode, startCluster } from '../nodes/cluster.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';
import { acme, carrierTrunk } from '../world.ts';
import { metric } from './rest.ts';

const CALLS_PER_SECOND = 25;
const CALLS = 600;
const RECOVERY_MS = 3000;
/** What the store is told of within its own time: bindings go behind the answer to the phone. */
const BINDINGS_KEY = 'tandem:{tandem}:bindings';

describe.skipIf(peersSkipped)(`Redis goes away during ${CALLS_PER_SECOND} calls per second`, () => {
  let cluster: Cluster;
  let node: ClusterNode;
  let carrier: Sipp;
  let caller: Sipp;
  let callerEnded = false;
  let changes = 0;

  beforeAll(async () => {
    const carrierPort = await freePort();
    // SIPp takes a repeated INVITE for a fault: of more processes than cores T1 is RFC 3261's, not the shorter one of a cluster.
    const settings = TEST_WORKERS === 1 ? {} : { timers: { attemptMs: 800, failedTargetMs: 0 } };
    cluster = await startCluster(['127.0.0.41'], { tenants: [acme()], trunks: [carrierTrunk(carrierPort)] }, settings);
    node = cluster.nodes[0] as ClusterNode;
    const load = { calls: CALLS, timeoutSeconds: 100, traceMessages: false };
    carrier = await startAnswerer('answer', { ...load, localPort: carrierPort });
    const begun = await startCaller('phone-call', node.address, {
      ...load,
      callsPerSecond: CALLS_PER_SECOND,
      pauseMs: 1500,
    });
    caller = begun;
    callerEnded = false;
    // Not that of an attempt before.
    void begun.finished.then(() => {
      if (caller === begun) callerEnded = true;
    });
    await eventually('calls in progress', async () => (await metric(node.api, 'tandem_calls_live')) >= 20, {
      timeoutMs: 15_000,
    });
  }, 60_000);
  afterAll(async () => {
    await Promise.all([caller?.child.stop(), carrier?.child.stop()]);
    await cluster?.stop();
  });

  const write = () => {
    changes++;
    return node.ask('PATCH', '/api/v1/tenants/acme/extensions/103', { name: `Carol ${changes}` });
  };

  const readiness = async () => (await node.ask('GET', '/readyz')) as { status: number; body: { reasons: string[] } };

  /** What holds while Redis is away; leaves a phone registered that Redis does not know. */
  const whileAway = async (user: string) => {
    await eventually('/readyz to say so', async () => (await readiness()).body.reasons.includes('store-unreachable'));
    // New calls are taken all the same, so the node is ready.
    expect(await readiness()).toMatchObject({ status: 200, body: { status: 'ready' } });
    expect(await metric(node.api, 'tandem_store_up')).toBe(0);
    expect(await metric(node.api, 'tandem_problem{problem="store-unreachable"}')).toBe(1);
    const askedAtMs = performance.now();
    expect(await write()).toMatchObject({ status: 503, body: { code: 'store-unavailable' } });
    expect(performance.now() - askedAtMs).toBeLessThan(1500);
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

  test('kill -9 and a start on its data', async () => {
    await cluster.redis.kill();
    await whileAway('101');
    await cluster.redis.start();
    await onceBack('kill -9', '101', performance.now());
  }, 30_000);

  test('SIGSTOP and SIGCONT', async () => {
    cluster.redis.child().signal('SIGSTOP');
    await whileAway('102');
    cluster.redis.child().signal('SIGCONT');
    await onceBack('SIGSTOP', '102', performance.now());
  }, 30_000);

  test('an orderly restart', async () => {
    cluster.redis.child().signal('SIGTERM');
    await cluster.redis.child().exited;
    await whileAway('103');
    await cluster.redis.start();
    await onceBack('restart', '103', performance.now());
  }, 30_000);

  test('calls were placed all the time, and every one went as if nothing had been', async () => {
    expect(callerEnded).toBe(false);
    const [placed, answered] = await allWell(caller, carrier);
    expect(placed).toMatchObject({ successful: CALLS, failed: 0 });
    expect(answered).toMatchObject({ successful: CALLS, failed: 0 });
    await eventually('the end of every call', async () => (await metric(node.api, 'tandem_calls_live')) === 0);
    expect(await metric(node.api, 'uncaught_exceptions_total')).toBe(0);
    console.log(`${CALLS} calls, ${placed?.retransmissions} retransmissions`);
  }, 60_000);
});
