import { afterEach, describe, expect, test } from 'vitest';
import { UnreadStore } from '../../../src/engine/continuity/unread-store.ts';
import { HeaderId, type SipRequest, type SipResponse } from '../../../src/sip/message/index.ts';
import { SimulatedNetwork } from '../../kit/simulated-network.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { Life, SharedStore } from '../lives.ts';
import { type Agent, CARRIER_A, type Phone, SDP, World, type WorldOptions } from '../world.ts';

const SECRET = new Uint8Array(32).fill(7);
const OPTIONS: WorldOptions = { trunks: { 'carrier-a': { options: { sessionTimer: { mode: 'off' } } } } };

describe('a node starts again while the store cannot be reached', () => {
  let store: SharedStore;
  let life: Life;
  let world: World;
  let alice: Phone;
  let carrier: Agent;
  let invite: SipRequest;

  async function begin(after: NonNullable<WorldOptions['after']>): Promise<World> {
    life = new Life(after.scheduler);
    return World.start({ ...OPTIONS, after, engine: { scheduler: life, callStore: store, nonceSecret: SECRET } });
  }

  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      world.run(100);
      await world.turn();
    }
  }

  /** Alice calls the carrier, and her node ends without a word. */
  async function restartedDuring(setup: (asked: SipRequest) => void): Promise<void> {
    store = new SharedStore();
    const scheduler = new VirtualScheduler();
    world = await begin({ scheduler, network: new SimulatedNetwork(scheduler) });
    alice = world.phone('101', '203.0.113.1');
    carrier = world.agent(CARRIER_A);
    invite = alice.call('18005550199');
    setup(carrier.took('INVITE'));
    await pass(500);
    expect(store.documents.size).toBe(1);
    life.isOver = true;
    store.fault = 'Redis cannot be reached';
    world = await begin(world);
    await pass(500);
  }

  async function talking(): Promise<SipResponse> {
    await restartedDuring((asked) => carrier.answer(asked, 200, 'OK', {}, SDP));
    return alice.final(invite) as SipResponse;
  }

  const answers = (request: SipRequest) =>
    alice
      .responses(request.callId())
      .filter(
        ({ status, headers }) => status >= 200 && headers.value(HeaderId.CSeq) === request.headers.value(HeaderId.CSeq),
      );

  afterEach(async () => {
    store.fault = undefined;
    await pass(2_000);
    for (const call of [...world.engine.calls.list()]) world.engine.calls.end(call.id);
    world.scheduler.runUntilIdle(3600_000);
    await pass(300);
    expect(world.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
    expect(store.documents.size).toBe(0);
  });

  test('a BYE of a call of before waits for it, and ends both sides, with its record', async () => {
    const final = await talking();
    const bye = alice.within(invite, final, 'BYE');
    alice.send(bye);
    await pass(5_000);
    expect(answers(bye)).toEqual([]);
    store.fault = undefined;
    await pass(2_000);
    expect(answers(bye).map(({ status }) => status)).toEqual([200]);
    carrier.answer(carrier.took('BYE'), 200, 'OK');
    await pass(500);
    expect(world.observed.ended).toMatchObject([{ status: 200, endedBy: 'caller', endReason: 'bye' }]);
  });

  test('a re-INVITE or UPDATE ends no call: 500 with Retry-After, and it goes through once the store is there', async () => {
    const final = await talking();
    for (const method of ['INVITE', 'UPDATE', 'OPTIONS']) {
      const request = alice.within(invite, final, method, { CSeq: `50 ${method}` });
      const answer = alice.ask(request) as SipResponse;
      expect([answer.status, answer.headers.value(HeaderId.RetryAfter)]).toEqual([500, '5']);
    }
    store.fault = undefined;
    await pass(2_000);
    const update = alice.within(invite, final, 'UPDATE', { CSeq: '60 UPDATE', Contact: `<sip:101@${alice.host}>` });
    expect(alice.ask(update).status).toBe(200);
    expect(world.engine.calls.counters.live).toBe(1);
  });

  test('nor does it end one to say so to who takes its place (Replaces): 500 with Retry-After, and it goes through later', async () => {
    const final = await talking();
    const bob = world.phone('102', '203.0.113.2');
    const replaces = `${invite.callId()};to-tag=${final.toTag()};from-tag=${invite.fromTag()}`;
    const early = bob.final(bob.call('101', { Replaces: replaces }));
    expect([early?.status, early?.headers.value(HeaderId.RetryAfter)]).toEqual([500, '5']);
    store.fault = undefined;
    await pass(2_000);
    bob.call('101', { Replaces: replaces });
    await pass(100);
    const offered = carrier.requests('INVITE').at(-1) as SipRequest;
    expect([offered.toTag(), offered.body]).toEqual([`peer-${CARRIER_A}`, SDP]);
  });

  test('a CANCEL of a caller who still waits is heard: 487, and who rang for him is cancelled', async () => {
    await restartedDuring((asked) => carrier.answer(asked, 180, 'Ringing'));
    const cancel = alice.request('CANCEL', invite.requestUri, {
      Via: invite.headers.value(HeaderId.Via),
      From: invite.headers.value(HeaderId.From),
      To: invite.headers.value(HeaderId.To),
      'Call-ID': invite.callId(),
      CSeq: `${invite.cseq().sequence} CANCEL`,
    });
    alice.send(cancel);
    await pass(3_000);
    expect(answers(cancel)).toEqual([]);
    store.fault = undefined;
    await pass(2_000);
    expect(answers(cancel).map(({ status }) => status)).toEqual([200]);
    expect(answers(invite).at(-1)?.status).toBe(487);
    expect(carrier.requests('CANCEL')).toHaveLength(1);
    carrier.answer(carrier.took('INVITE'), 487, 'Request Terminated');
    await pass(500);
    expect(world.observed.ended).toMatchObject([{ status: 487 }]);
  });

  test('a store that stays away: the BYE is answered before its sender has waited in vain', async () => {
    const final = await talking();
    const bye = alice.within(invite, final, 'BYE');
    alice.send(bye);
    await pass(24_500);
    expect(answers(bye)).toEqual([]);
    await pass(1_000);
    expect(answers(bye).map(({ status }) => status)).toEqual([481]);
  });

  test('a new call is served meanwhile', async () => {
    await talking();
    const next = alice.call('18005550100');
    carrier.answer(carrier.requests('INVITE').at(-1) as SipRequest, 486, 'Busy Here');
    await pass(500);
    expect(alice.final(next)?.status).toBe(486);
  });
});

test('of known senders 2,000 wait at one time, of strangers 500; who came first is given up first', () => {
  const scheduler = new VirtualScheduler();
  let hasRead = false;
  const unread = new UnreadStore({ hasRead: () => hasRead, scheduler });
  const again: string[] = [];
  const held = (isKnown: boolean, count: number) =>
    Array.from({ length: count }, () => unread.hold(isKnown, () => again.push(String(isKnown)))).filter(Boolean).length;
  expect([held(false, 600), held(true, 2_100)]).toEqual([500, 2_000]);
  scheduler.advance(24_000);
  expect(again).toEqual([]);
  scheduler.advance(1_000);
  expect(again).toHaveLength(2_500);
  expect(held(false, 1)).toBe(1);
  scheduler.advance(10_000);
  expect(held(true, 1)).toBe(1);
  scheduler.advance(15_000);
  expect(again.slice(2_500)).toEqual(['false']);
  hasRead = true;
  unread.read();
  expect([again.slice(2_500), unread.isUnread]).toEqual([['false', 'true'], false]);
});
