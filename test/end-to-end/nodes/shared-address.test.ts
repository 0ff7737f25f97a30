import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HeaderId } from '../../../src/sip/message/index.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import type { Sipp } from '../../kit/sipp.ts';
import { TEST_WORKERS } from '../../kit/test-workers.ts';
import { metric } from '../faults/rest.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';
import { acme, carrierTrunk } from '../world.ts';
import { membersOf } from './cluster.ts';
import { type Called, halvesOf, Phone } from './phone.ts';
import { type PairedNode, startVrrpPair, type VrrpPair } from './vrrp-pair.ts';

const CALLS = 20;
/** Of SIPp, half hung up by each side. The long form: `TANDEM_SHARED_CALLS=1000 npx vitest run test/end-to-end/nodes/shared-address.test.ts`. */
const SIPP_CALLS = Number(process.env['TANDEM_SHARED_CALLS'] ?? 20);
const SIPP_CALLS_PER_SECOND = SIPP_CALLS > 100 ? 25 : 5;
const LONG = { timeoutMs: 60_000 };
const LASTING = Number.POSITIVE_INFINITY;

describe.skipIf(peersSkipped)('two nodes that share an address by VRRP (keepalived)', () => {
  const phones: Phone[] = [];
  let pair: VrrpPair;
  let redis: Redis;
  let shared: string;
  let phoneHost: string;
  let carrierHost: string;
  let alice: Phone;
  let bob: Phone;
  let carrier: Phone;
  let sippPorts: number[];

  beforeAll(async () => {
    pair = await startVrrpPair(
      async (lan) => {
        // Requests of carriers are dealt otherwise than those of phones, and SIPp answers from the first address, whatever its own is.
        [carrierHost, phoneHost] = [lan.here, lan.also(2)];
        carrier = await phone('4930123456', carrierHost);
        sippPorts = [await freePort(carrierHost), await freePort(carrierHost)];
        return provisioning();
      },
      { workers: TEST_WORKERS },
    );
    redis = new Redis(pair.redis.url);
    shared = pair.host;
    alice = await registered('101');
    bob = await registered('102');
    // What rings goes on where it is one worker's.
    while (halvesOf(await alice.call(address(), '102'), bob) > 1) {
      expect((await bob.register(address(), { expires: 0 })).status).toBe(200);
      bob = await registered('102');
    }
    await eventually('no call to be left', async () => (await live(pair.nodes[0])) === 0);
    await eventually('its BYE', () => byes(bob) === bob.invites.length);
  }, 90_000);
  afterAll(async () => {
    for (const each of phones.splice(0)) each.close();
    redis?.disconnect();
    await pair?.stop();
  });

  /** Carriers at this machine: the one that is a {@link Phone} behind 9, two SIPps behind 7 and 8. */
  function provisioning() {
    const trunks = [portOf(carrier), ...sippPorts].map((port, index) =>
      carrierTrunk(port, { id: String(index + 1), name: `carrier-${index}`, host: carrierHost }),
    );
    const outboundRules = trunks.map(({ name }, index) => ({
      name,
      match: { prefixes: [String(9 - index)] },
      routes: [{ trunk: name, strip: 1, prepend: '+' }],
    }));
    const [rule] = acme().inboundRules ?? [];
    const inboundRules = rule === undefined ? [] : [{ ...rule, trunk: 'carrier-0' }];
    return { tenants: [acme({ outboundRules, inboundRules })], trunks };
  }

  /** SIPp calls SIPp, until one of them is told that its call has moved. */
  async function startCalls(which: 1 | 2, caller: string, answerer: string): Promise<[Sipp, Sipp]> {
    const many = {
      calls: SIPP_CALLS / 2,
      limit: SIPP_CALLS,
      timeoutSeconds: 100,
      traceMessages: false,
      extraArguments: ['-aa'],
    };
    const called = `${9 - which}15551234`;
    return [
      // SIPp answers to where the call's first packet came from, which is the machine that ends.
      await startAnswerer(answerer, {
        ...many,
        localHost: carrierHost,
        extraArguments: ['-aa', '-rsa', address()],
        localPort: sippPorts[which - 1] as number,
      }),
      await startCaller(caller, address(), {
        ...many,
        localHost: phoneHost,
        callsPerSecond: SIPP_CALLS_PER_SECOND,
        keys: { called },
      }),
    ];
  }

  async function registered(user: string): Promise<Phone> {
    const made = await phone(user);
    expect((await made.register(address())).status).toBe(200);
    return made;
  }

  async function phone(user: string, host = phoneHost): Promise<Phone> {
    const made = await new Phone(user, host).open();
    phones.push(made);
    return made;
  }

  const live = (node: PairedNode) => metric(node.api, 'tandem_calls_live');
  const documentsOf = async (node: PairedNode) => {
    const each = await Promise.all(
      membersOf(node.name).map((member) => redis.hvals(`tandem:{tandem}:calls:${member}`)),
    );
    return each.flat();
  };
  /** Calls of a node that the store has as answered. */
  const kept = async (node: PairedNode) =>
    (await documentsOf(node)).filter((document) => document.includes('"answeredAtMs"')).length;
  /** Whether it has the call to bob's phone as one that rings there. */
  const ringsAtBob = async (node: PairedNode) =>
    (await documentsOf(node)).some((document) => /"waiting-1".*INVITE sip:102@.*"asked"/.test(document));
  const recordsFrom = async (node: PairedNode, offset: number) =>
    (await node.ask('GET', `/api/v1/call-records?limit=1000&offset=${offset}`)).body.items as {
      callId: string;
      status: number;
      talkMs: number;
      trunk?: string;
      hungUpBy?: string;
    }[];
  const address = () => `${shared}:5060`;
  /** The shared port, or that of a worker. */
  const atShared = () => new RegExp(`@${shared}:${TEST_WORKERS === 1 ? '5060' : '60[67]0'}\\b`);
  const byes = ({ heard }: Phone) => heard.filter((method) => method === 'BYE').length;

  test(`kill -9 of the node that has the address: ${CALLS} calls and ${SIPP_CALLS} of SIPp go on, phones are reached and reach it without registering anew`, async () => {
    const [a, b] = pair.nodes;
    const ended = byes(bob);
    const calls: Called[] = [];
    for (let call = 0; call < CALLS / 2; call++) calls.push(await alice.call(address(), '102', LASTING));
    for (let call = 0; call < CALLS / 2; call++) calls.push(await alice.call(address(), '94930123456', LASTING));
    expect(calls.map(({ status }) => status)).toEqual(calls.map(() => 200));
    for (const { response } of calls) expect(response.headers.value(HeaderId.Contact)).toMatch(atShared());
    // Toward the carrier as well, whatever address of the machine it comes from.
    for (const { request } of carrier.invites) expect(request.headers.value(HeaderId.Contact)).toMatch(atShared());
    const byCaller = await startCalls(1, 'phone-call-until-told', 'answer-update');
    const byCarrier = await startCalls(2, 'phone-answered-call', 'answer-until-told');
    await eventually('their snapshots', async () => (await kept(a)) === CALLS + SIPP_CALLS, {
      ...LONG,
      detail: () => [...byCaller, ...byCarrier].map(({ child }) => child.output().slice(-1_500)).join('\n'),
    });
    bob.answers = 180;
    const rings = alice.call(address(), '102', LASTING);
    await eventually('the one that rings in the store', () => ringsAtBob(a), LONG);
    bob.answers = 200;
    const [cancels, invites] = [bob.heard.filter((method) => method === 'CANCEL').length, bob.invites.length];
    await eventually('the other node is ready', async () => (await b.ask('GET', '/readyz')).status === 200);
    const [killedAtMs, killedAtWallMs] = [performance.now(), Date.now()];
    a.engine.kill();
    await eventually('the address at the other', () => b.has(), { timeoutMs: 15_000 });
    console.log(`the address had moved ${Math.round(performance.now() - killedAtMs)} ms after the kill`);
    // The phone rings on, and its answer is the other node's to give to the caller.
    await eventually('the call that rings at the other', () => ringsAtBob(b), LONG);
    bob.pickUp();
    // RFC 3261 §13.3.1.4.
    const again = setInterval(() => bob.pickUp(), 500);
    const pickedUp = await rings.finally(() => clearInterval(again));
    expect(pickedUp.status).toBe(200);
    expect([bob.heard.filter((method) => method === 'CANCEL').length, bob.invites.length]).toEqual([cancels, invites]);
    expect((await alice.hangUp(address(), pickedUp)).status).toBe(200);
    const [toBob, toCarrier] = [calls.slice(0, CALLS / 2), calls.slice(CALLS / 2)];
    const answers = await Promise.all([
      ...toBob.map((call) => alice.hangUp(address(), call)),
      ...carrier.invites.map(({ request }) => carrier.hangUpOn(address(), request)),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(calls.map(() => 200));
    await eventually('the BYEs at bob', () => byes(bob) === ended + toBob.length + 1, LONG);
    await eventually('the BYEs at alice', () => byes(alice) === toCarrier.length);
    await allWell(...byCaller, ...byCarrier);
    await eventually('no call to be left', async () => (await live(b)) === 0, LONG);
    const takenAt = [...b.engine.child.output().matchAll(/"time":"?([^",]+)"?[^\n]*"event":"calls-taken-over"/g)];
    const tookMs = new Date(takenAt.at(-1)?.[1] ?? Number.NaN).getTime() - killedAtWallMs;
    console.log(`${CALLS + SIPP_CALLS} calls taken over ${tookMs} ms after the kill`);
    // 1.4 s on a machine that has nothing else to do.
    expect(tookMs).toBeLessThan(3_000);
    const records = [...(await recordsFrom(b, 0)), ...(await recordsFrom(b, 1000))];
    expect(new Set(records.map(({ callId }) => callId)).size).toBe(records.length);
    const ofSipp = records.filter(({ trunk }) => trunk === 'carrier-1' || trunk === 'carrier-2');
    expect([records.length, ofSipp.length]).toEqual([CALLS + SIPP_CALLS + 1, SIPP_CALLS]);
    expect(records.every(({ status, talkMs }) => status === 200 && talkMs > 0)).toBe(true);
    for (const [trunk, hungUpBy] of [
      ['carrier-1', 'caller'],
      ['carrier-2', 'callee'],
    ])
      expect(ofSipp.filter((record) => record.trunk === trunk && record.hungUpBy === hungUpBy)).toHaveLength(
        SIPP_CALLS / 2,
      );
    expect((await alice.call(address(), '102')).status).toBe(200);
    expect((await carrier.call(address(), '14155550102')).status).toBe(200);
  }, 120_000);

  test('a node drains: the address moves first, no call is refused, and its calls go on at the other', async () => {
    const [a, b] = pair.nodes;
    a.engine.kill();
    await eventually('the address at the other', () => b.has(), { timeoutMs: 15_000 });
    await a.engine.restart();
    await eventually('the first is ready again', async () => (await a.ask('GET', '/readyz')).status === 200);
    await eventually(
      'each to know the other',
      async () => (await metric(b.api, 'tandem_nodes')) === 2 * TEST_WORKERS * TEST_WORKERS,
    );
    await eventually(
      'keepalived to have seen it',
      () => /ready.* succeeded[\s\S]*succeeded/.test(a.keepalived.output()),
      { timeoutMs: 10_000 },
    );
    const up = await alice.call(address(), '94930123456', LASTING);
    const heard = byes(carrier);
    b.engine.child.signal('SIGTERM');
    const statuses: number[] = [];
    const moved = eventually('the address at the first', () => a.has(), { timeoutMs: 15_000 });
    let isOver = false;
    void moved.then(() => {
      isOver = true;
    });
    while (!isOver) statuses.push((await alice.call(address(), '102')).status);
    await moved;
    statuses.push((await alice.call(address(), '102')).status);
    expect([...new Set(statuses)]).toEqual([200]);
    await b.engine.child.exited;
    expect(byes(carrier)).toBe(heard);
    expect((await alice.hangUp(address(), up)).status).toBe(200);
    await eventually('the BYE at the carrier', () => byes(carrier) === heard + 1);
  });
});

function portOf({ contact }: Phone): number {
  return Number(contact.slice(contact.lastIndexOf(':') + 1));
}
