import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ownPortOf, workerName } from '../../../src/settings/workers.ts';
import { HeaderId, type SipRequest, type SipResponse } from '../../../src/sip/message/index.ts';
import { eventually } from '../../kit/eventually.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { WorkerProcesses } from '../../kit/worker-processes.ts';
import { metric } from '../faults/rest.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type Called, Phone } from './phone.ts';
import { type PairedNode, startVrrpPair, type VrrpPair } from './vrrp-pair.ts';

const WORKERS = 2;
const LASTING = Number.POSITIVE_INFINITY;
const LONG = { timeoutMs: 45_000 };
const OUTSIDE = '94930123456';
const DID_OF_BOB = '14155550102';

/** Both sides of a call that is up, and whoever it leads to. */
interface Up {
  readonly called: Called;
  readonly caller: Phone;
  readonly callee: Phone;
  readonly invite: SipRequest;
}

describe.skipIf(peersSkipped)('two nodes of two workers each that share an address by VRRP, on one Redis', () => {
  let pair: VrrpPair;
  let active: PairedNode;
  let standby: PairedNode;
  const processes = new Map<PairedNode, WorkerProcesses>();
  let redis: Redis;
  let carrier: Phone;
  /** At the first worker of the node that has the address, and at the second. */
  let alice: Phone;
  let bob: Phone;
  const open: Phone[] = [];

  beforeAll(async () => {
    pair = await startVrrpPair(
      async (lan) => {
        // At an address of its own: what comes from a trunk is dealt by Call-ID.
        carrier = await new Phone('4930123456', lan.also(2)).open();
        open.push(carrier);
        const port = Number(carrier.contact.slice(carrier.contact.lastIndexOf(':') + 1));
        const [host] = carrier.contact.slice(carrier.contact.indexOf('@') + 1).split(':');
        return { tenants: [acme()], trunks: [carrierTrunk(port, { host: host as string })] };
      },
      { workers: WORKERS },
    );
    redis = new Redis(pair.redis.url);
    [active, standby] = pair.nodes;
    for (const node of pair.nodes) processes.set(node, new WorkerProcesses(node.engine, WORKERS));
    alice = await phoneAt('101', 1);
    bob = await phoneAt('102', 2);
    await eventually('both phones at all workers of both nodes', async () =>
      (await Promise.all(pair.nodes.map(({ api }) => metric(api, 'tandem_registrations')))).every(
        (known) => known === 2 * WORKERS,
      ),
    );
  }, 90_000);
  afterAll(async () => {
    for (const each of open.splice(0)) each.close();
    redis?.disconnect();
    await pair?.stop();
  });
  beforeEach(async () => {
    [active, standby] = await eventually(
      'the address at one of them',
      () => {
        const [one, other] = pair.nodes;
        return one.has() ? [one, other] : other.has() && [other, one];
      },
      LONG,
    );
    await eventually(
      'each worker to know the others',
      async () =>
        (await Promise.all(pair.nodes.map(({ api }) => metric(api, 'tandem_nodes')))).every(
          (known) => known === 2 * WORKERS * WORKERS,
        ),
      LONG,
    );
    await eventually('no call of before', async () => (await calls()).length === 0, LONG);
  });

  const listOf = async (path: string) =>
    (await standby.ask('GET', path)).body.items as { node: string; callId: string; user?: string }[];
  /** Of both nodes, as any of them says. */
  const calls = () => listOf('/api/v1/calls?limit=1000');
  const records = () =>
    listOf('/api/v1/call-records?limit=1000') as unknown as Promise<
      { node: string; sipCallIds: string[]; status: number; hungUpBy?: string }[]
    >;
  const byes = ({ heard }: Phone) => heard.filter((method) => method === 'BYE').length;

  /** Rows of calls that the store has of the node that has the address. */
  const kept = async () => {
    const counts = await Promise.all(
      [0, 1].map((worker) => redis.hlen(`tandem:{tandem}:calls:${workerName(active.name, worker)}`)),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  };

  /** A phone whose requests are this worker's, from 1. */
  async function phoneAt(user: string, worker: number): Promise<Phone> {
    for (;;) {
      const phone = await new Phone(user, pair.lan.here).open();
      open.push(phone);
      expect((await phone.register(pair.address)).status).toBe(200);
      const { node } = await eventually('its registration', async () =>
        (await listOf('/api/v1/registrations')).find((each) => JSON.stringify(each).includes(phone.contact)),
      );
      if (node === workerName(active.name, worker - 1)) return phone;
      expect((await phone.register(pair.address, { expires: 0 })).status).toBe(200);
    }
  }

  async function callUp(caller: Phone, number: string, callee: Phone): Promise<Up> {
    const before = callee.invites.length;
    const called = await caller.call(pair.address, number, LASTING);
    expect(called.status).toBe(200);
    const invite = await eventually('its INVITE', () => callee.invites[before]?.request);
    return { called, caller, callee, invite };
  }

  /** The worker, from 1, whose port the Contact says. */
  function workerIn(message: SipRequest | SipResponse): number {
    const port = Number(/@[^:>]*:([0-9]+)/.exec(message.headers.value(HeaderId.Contact) ?? '')?.[1]);
    for (let worker = 0; worker < WORKERS; worker++) if (port === ownPortOf(worker, 5060)) return worker + 1;
    throw new Error(`${message.headers.value(HeaderId.Contact)} is no worker's`);
  }

  /** Rows that it has in the store. */
  const halvesOf = ({ called, invite }: Up) => (workerIn(called.response) === workerIn(invite) ? 1 : 2);

  const portOf = (worker: number) => `${pair.host}:${ownPortOf(worker - 1, 5060)}`;

  /** Ends calls in turn by either side, to this port, and sees that the other side has heard it and what the records say. */
  async function endAll(ups: readonly Up[], to: (up: Up) => string): Promise<void> {
    const parties = [...new Set(ups.flatMap(({ caller, callee }) => [caller, callee]))];
    const before = parties.map(byes);
    const expected = new Map(parties.map((phone) => [phone, byes(phone)]));
    for (const [index, up] of ups.entries()) {
      const byCaller = index % 2 === 0;
      const left = byCaller ? up.callee : up.caller;
      expected.set(left, (expected.get(left) ?? 0) + 1);
      const answer = byCaller ? await up.caller.hangUp(to(up), up.called) : await up.callee.hangUpOn(to(up), up.invite);
      expect(answer.status).toBe(200);
    }
    await eventually(
      'each other side to hear it',
      () => parties.every((phone) => byes(phone) === expected.get(phone)),
      {
        ...LONG,
        detail: () => JSON.stringify({ before, now: parties.map(byes), expected: [...expected.values()] }),
      },
    );
    await eventually('no call to be left', async () => (await calls()).length === 0, LONG);
    const own = ups.map(({ called }) => called.response.callId());
    const found = await eventually(
      'a record of each',
      async () => {
        const all = (await records()).filter(({ sipCallIds }) => sipCallIds.some((id) => own.includes(id)));
        return all.length >= own.length && all;
      },
      LONG,
    );
    expect(found).toHaveLength(own.length);
    for (const [index, callId] of own.entries()) {
      const [record] = found.filter(({ sipCallIds }) => sipCallIds.includes(callId));
      expect(record).toMatchObject({ status: 200, hungUpBy: index % 2 === 0 ? 'caller' : 'callee' });
    }
  }

  /** Calls of all kinds, until each worker has some of the trunk. */
  async function callsOfAllKinds(): Promise<Up[]> {
    const ups = [
      await callUp(alice, '102', bob),
      await callUp(bob, '101', alice),
      await callUp(alice, OUTSIDE, carrier),
      await callUp(bob, OUTSIDE, carrier),
    ];
    const seen = new Set<number>();
    while (seen.size < WORKERS) {
      const up = await callUp(carrier, DID_OF_BOB, bob);
      seen.add(workerIn(up.called.response));
      ups.push(up);
    }
    return ups;
  }

  test('a phone that is at any worker is reached from all of them, and a carrier’s calls are spread over them', async () => {
    const ups = await callsOfAllKinds();
    expect(ups.slice(0, 4).map(({ called }) => workerIn(called.response))).toEqual([1, 2, 1, 2]);
    expect(ups.slice(0, 2).map(({ invite }) => workerIn(invite))).toEqual([2, 1]);
    await endAll(ups, () => pair.address);
  }, 60_000);

  test('the BYE of either side, sent to the port of a worker that does not have the call, ends it', async () => {
    await endAll(await callsOfAllKinds(), (up) => portOf(WORKERS + 1 - workerIn(up.called.response)));
  }, 60_000);

  test.each([1, 2])(
    'worker %i ends alone: its calls go on at the machine that has the address, and end by either side',
    async (worker) => {
      const ups = await callsOfAllKinds();
      const halves = ups.reduce((sum, up) => sum + halvesOf(up), 0);
      await eventually('all of them in the store', async () => (await kept()) === halves);
      await processes.get(active)?.kill(worker);
      await eventually(
        'all calls where the address is',
        async () => {
          const all = await calls();
          return all.length === ups.length && all.every(({ node }) => node.startsWith(`${active.name}-w`));
        },
        { ...LONG, detail: () => active.engine.child.output().slice(-2_000) },
      );
      expect(active.has()).toBe(true);
      await endAll(ups, () => pair.address);
      // Registered as before.
      for (const [one, number, other] of [
        [alice, '102', bob],
        [bob, '101', alice],
      ] as const) {
        await endAll([await callUp(one, number, other)], () => pair.address);
      }
    },
    120_000,
  );

  test('the node that has the address ends: its calls go on at the workers of the same numbers at the other, and whoever registered is reached', async () => {
    const ups = await callsOfAllKinds();
    const halves = ups.reduce((sum, up) => sum + halvesOf(up), 0);
    await eventually('all of them in the store', async () => (await kept()) === halves);
    active.engine.kill();
    await active.engine.child.exited;
    await eventually('the address at the other', () => standby.has(), LONG);
    const numbers = (names: readonly string[]) => names.map((name) => name.replace(/^.*-w/, '')).sort();
    const expected = ups.map(({ called }) => `${standby.name}-w${workerIn(called.response)}`);
    await eventually(
      'all calls there',
      async () => {
        const names = (await calls()).map(({ node }) => node);
        return (
          names.every((name) => name.startsWith(standby.name)) && numbers(names).join() === numbers(expected).join()
        );
      },
      LONG,
    );
    await endAll(ups, () => pair.address);
    for (const [one, number, other] of [
      [alice, '102', bob],
      [bob, '101', alice],
    ] as const)
      await endAll([await callUp(one, number, other)], () => pair.address);
    await endAll([await callUp(carrier, DID_OF_BOB, bob)], () => pair.address);
    await active.engine.restart();
    processes.set(active, new WorkerProcesses(active.engine, WORKERS));
  }, 120_000);
});
