import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../kit/eventually.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { metric } from '../faults/rest.ts';
import { acme } from '../world.ts';
import { type Cluster, type ClusterNode, startCluster } from './cluster.ts';
import { type Called, halvesOf, Phone } from './phone.ts';

/** The long form: `TANDEM_REVIVAL_CALLS=1000 npx vitest run test/end-to-end/nodes/revival.test.ts`. */
const CALLS = Number(process.env['TANDEM_REVIVAL_CALLS'] ?? 50);

describe.skipIf(peersSkipped)('a node of two and the store end together, with calls up', () => {
  let cluster: Cluster;
  let a: ClusterNode;
  let b: ClusterNode;

  beforeAll(async () => {
    cluster = await startCluster(
      ['127.0.0.47', '127.0.0.48'],
      {
        tenants: [acme({ outboundRules: [], inboundRules: [] })],
      },
      { timers: { t1Ms: 100, attemptMs: 800, failedTargetMs: 0, drainMs: 500 }, continuity: { contactToken: true } },
    );
    [a, b] = cluster.nodes as [ClusterNode, ClusterNode];
  }, 90_000);
  afterAll(async () => {
    await cluster?.stop();
  });

  const phone = async (user: string, node: ClusterNode) => {
    const made = await new Phone(user).open();
    // A number has one phone in each test; the second node lives in all of them.
    onTestFinished(async () => {
      await made.register(b.address, { expires: 0 });
      made.close();
    });
    expect((await made.register(node.address)).status).toBe(200);
    return made;
  };

  /** One whose calls with the other are within one process: a Contact has no room for both halves of one between two. */
  const phoneBeside = async (other: Phone, user: string, node: ClusterNode) => {
    for (;;) {
      const made = await phone(user, node);
      const isCalled = async () => (await other.call(node.address, user)).status === 200 && made.invites.length > 0;
      await eventually('it to be called', isCalled);
      const call = await other.call(node.address, user);
      if (halvesOf(call, made) === 1) return made;
      await made.register(node.address, { expires: 0 });
    }
  };

  test(`kill -9 of the node and of Redis: of ${CALLS} calls the BYE of either side is answered by the other node`, async () => {
    const alice = await phone('101', a);
    const bob = await phoneBeside(alice, '102', a);
    await eventually('each to know the other’s phones', async () => {
      const call = await alice.call(b.address, '102');
      return call.status === 200;
    });
    const before = bob.invites.length;
    const calls: Called[] = [];
    for (let call = 0; call < CALLS; call++) calls.push(await alice.call(a.address, '102', LASTING));
    expect(calls.filter(({ status }) => status === 200)).toHaveLength(CALLS);
    const at = [count(alice.heard, 'BYE'), count(bob.heard, 'BYE')] as const;
    a.process.kill();
    await cluster.redis.kill();

    const half = CALLS / 2;
    const byBob = bob.invites.slice(before, before + half);
    const ended = await Promise.all([
      ...byBob.map(({ request }) => bob.hangUpOn(b.address, request)),
      ...calls.slice(half).map((call) => alice.hangUp(b.address, call)),
    ]);
    const [answeredBob, answeredAlice] = [ended.slice(0, half), ended.slice(half)].map(
      (some) => some.filter(({ status }) => status === 200).length,
    ) as [number, number];
    const answered = answeredBob + answeredAlice;
    console.log(`${answered} of ${CALLS} BYEs answered, without node and Redis`);
    expect(answered).toBeGreaterThanOrEqual(CALLS * 0.99);
    const seen = () => [count(alice.heard, 'BYE') - at[0], count(bob.heard, 'BYE') - at[1]];
    const all = `${[answeredBob, answeredAlice]}`;
    await eventually('the other side of each to hear it once', () => `${seen()}` === all, {
      ...LONG,
      detail: () => `they heard ${seen()} of ${all}`,
    });
    await eventually('no call to be left', async () => (await live()) === 0, LONG);
    // All processes of a node write to one file; without Redis they do not ask each other.
    const rebuilt = await eventually('their records', () => {
      const found = recordsOf(b).filter((record) => record.rebuilt !== undefined);
      return found.length >= answered && found;
    });
    expect([rebuilt.length, new Set(rebuilt.map(({ callId }) => callId)).size]).toEqual([answered, answered]);
    expect(rebuilt.every(({ status, talkMs }) => status === 200 && talkMs > 0)).toBe(true);
    expect(await metric(b.api, 'tandem_contact_tokens_total{event="rebuilt"}')).toBe(answered);
  }, 120_000);

  const recordsOf = ({ recordFile }: ClusterNode) =>
    readFileSync(recordFile, 'utf8')
      .split('\n')
      // The latest one may be written at this moment.
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { callId: string; rebuilt?: string; status: number; talkMs: number });

  const live = () => metric(b.api, 'tandem_calls_live');
});

const LONG = { timeoutMs: 60_000 };
/** Until somebody hangs up. */
const LASTING = Number.POSITIVE_INFINITY;

const count = (heard: readonly string[], method: string) => heard.filter((each) => each === method).length;
