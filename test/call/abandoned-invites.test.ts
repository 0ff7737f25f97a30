import { describe, expect, test } from 'vitest';
import { AbandonedInvites, type SentInvite } from '../../src/call/abandoned-invites.ts';
import { defaultCallTimers } from '../../src/call/ports.ts';
import {
  createResponse,
  HeaderId,
  parseMessage,
  type SipRequest,
  type SipResponse,
} from '../../src/sip/message/index.ts';
import type { Flow } from '../../src/sip/transport/index.ts';
import { isCollected } from '../kit/collected.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { World } from './world.ts';

/** Another address of whoever was invited. */
const SAME_PEER = '192.0.2.77';

/** Another flow, of the same address unless it says so. */
function flowLike(flow: Flow, parts: Partial<Pick<Flow, 'remoteAddress' | 'transport' | 'closed'>> = {}): Flow {
  const properties = Object.entries(parts).map(([name, value]) => [name, { value }]);
  return Object.create(flow, Object.fromEntries(properties));
}

function close(flow: Flow): void {
  Object.defineProperty(flow, 'closed', { value: true });
}

function remembering(scheduler: VirtualScheduler, cancel: (invite: SentInvite) => void = () => {}) {
  const endpoint = {
    isSamePeer: (one: Flow, other: Flow) =>
      one.remoteAddress === other.remoteAddress || other.remoteAddress === SAME_PEER,
  };
  return new AbandonedInvites({ scheduler, timers: defaultCallTimers, endpoint }, cancel);
}

/** An INVITE that is given up now. */
function abandon(invites: AbandonedInvites, { a }: World, isCancelHeard = false) {
  const { transaction } = a.call();
  if (transaction === undefined) throw new Error('no INVITE was sent');
  const { request, flow } = transaction;
  const heard: SipResponse[] = [];
  const heardOver: Flow[] = [];
  const late = {
    onResponse: (response: SipResponse, invite: SentInvite) => {
      heard.push(response);
      heardOver.push(invite.flow);
    },
  };
  invites.add({ request, flow, isCancelHeard }, late);
  const answer = (status = 200, over: Flow = flow) =>
    invites.receive(createResponse(request, status, undefined, { toTag: 'late' }), over);
  const unanswered = (isHeard: boolean, over: Flow = flow) =>
    invites.giveBack({ request, flow: over, isCancelHeard: isHeard });
  return { answer, unanswered, heard, heardOver, request, flow, late: new WeakRef(late) };
}

test('§13.3.1.4: who answers an abandoned INVITE is heard for 128*T1; then it is forgotten, though nothing happens', async () => {
  const world = new World();
  const scheduler = new VirtualScheduler();
  const invites = remembering(scheduler);
  const first = abandon(invites, world);
  scheduler.advance(10_000);
  const second = abandon(invites, world);
  scheduler.advance(53_999);
  first.answer();
  expect(first.heard).toHaveLength(1);
  scheduler.advance(1);
  expect(await isCollected(first.late)).toBe(true);
  second.answer();
  expect(second.heard).toHaveLength(1);
  scheduler.advance(10_000);
  expect(await isCollected(second.late)).toBe(true);
  expect(scheduler.armedCount).toBe(0);
});

test('§9.1: what says something before its answer is cancelled, once; and not for what another INVITE of the same Call-ID hears', () => {
  const world = new World();
  const scheduler = new VirtualScheduler();
  const cancelled: SentInvite[] = [];
  const invites = remembering(scheduler, (invite) => cancelled.push(invite));
  const { answer, heard, request, flow } = abandon(invites, world);
  const ofAnother = createResponse(request, 180);
  ofAnother.headers.set(HeaderId.Via, 'SIP/2.0/UDP engine;branch=z9hG4bKanother');
  invites.receive(ofAnother, flow);
  expect(cancelled).toEqual([]);
  for (const status of [100, 180]) answer(status);
  expect(cancelled.map((invite) => invite.request)).toEqual([request]);
  expect(heard).toEqual([]);
});

test('one whose CANCEL had its answer before is heard for its 2xx alone', () => {
  const world = new World();
  const cancelled: SentInvite[] = [];
  const scheduler = new VirtualScheduler();
  const invites = remembering(scheduler, (invite) => cancelled.push(invite));
  const { answer, heard } = abandon(invites, world, true);
  for (const status of [180, 200]) answer(status);
  expect(cancelled).toEqual([]);
  expect(heard.map(({ status }) => status)).toEqual([200]);
});

test('§18.2.2: a callee whose connection has ended answers over a new one, and is cancelled or acknowledged over that', () => {
  const world = new World();
  const cancelled: SentInvite[] = [];
  const scheduler = new VirtualScheduler();
  const invites = remembering(scheduler, (invite) => cancelled.push(invite));
  const [before, ringing, answered] = [abandon(invites, world), abandon(invites, world), abandon(invites, world)];
  const another = flowLike(before.flow, { closed: false });
  // Where it is still there it is the one to be used.
  before.answer(180, another);
  for (const { flow } of [ringing, answered]) close(flow);
  ringing.answer(180, another);
  expect(cancelled.map(({ request, flow }) => [request.callId(), flow === another])).toEqual([
    [before.request.callId(), false],
    [ringing.request.callId(), true],
  ]);
  answered.answer(200, another);
  expect(answered.heardOver.map((flow) => flow === another)).toEqual([true]);
});

describe('who answers over another flow when the one before has ended', () => {
  function closedInvite(transport: Flow['transport'] = 'udp') {
    const cancelled: SentInvite[] = [];
    const invites = remembering(new VirtualScheduler(), (invite) => cancelled.push(invite));
    const invite = abandon(invites, new World());
    Object.defineProperty(invite.flow, 'transport', { value: transport });
    close(invite.flow);
    return { ...invite, cancelled };
  }

  test.each<[string, Flow['transport'], Partial<Flow>]>([
    ['who is not the peer', 'udp', { remoteAddress: '198.51.100.66' }],
    ['who is not the peer, over TLS', 'tls', { remoteAddress: '198.51.100.66' }],
    ['the peer, over UDP where it was TLS', 'tls', { transport: 'udp' }],
    ['the peer, over TCP where it was TLS', 'tls', { transport: 'tcp', remoteAddress: SAME_PEER }],
  ])('%s: its 1xx is dropped, and what its 2xx is told goes where it went before', (_, transport, parts) => {
    const { answer, cancelled, heardOver, flow } = closedInvite(transport);
    const other = flowLike(flow, { closed: false, ...parts });
    answer(180, other);
    answer(200, other);
    expect(cancelled).toEqual([]);
    expect(heardOver.map((over) => over === flow)).toEqual([true]);
    // Whoever was invited is still heard.
    const peer = flowLike(flow, { closed: false });
    answer(180, peer);
    expect(cancelled.map((invite) => invite.flow === peer)).toEqual([true]);
  });

  test.each<[string, Flow['transport'], Partial<Flow>]>([
    ['another address of the peer', 'udp', { remoteAddress: SAME_PEER }],
    ['over TLS as before', 'tls', {}],
    ['over TLS where it was TCP', 'tcp', { transport: 'tls' }],
  ])('%s: it is cancelled, and acknowledged, there', (_, transport, parts) => {
    const [ringing, answered] = [closedInvite(transport), closedInvite(transport)];
    const other = flowLike(ringing.flow, { closed: false, ...parts });
    ringing.answer(180, other);
    answered.answer(200, other);
    const over = [...ringing.cancelled.map(({ flow }) => flow), ...answered.heardOver];
    expect(over.map((flow) => flow === other)).toEqual([true, true]);
  });
});

test('§17.1.1.3: one that is refused late is acknowledged each time, on the hop that it was sent on, and not cancelled any more', () => {
  const cancelled: SentInvite[] = [];
  const invites = remembering(new VirtualScheduler(), (invite) => cancelled.push(invite));
  const { answer, heard, request, flow } = abandon(invites, new World());
  const sent: SipRequest[] = [];
  flow.send = (text: string) => void sent.push(parseMessage(text) as SipRequest);
  for (const _copy of [1, 2]) answer(486);
  // Nobody else is told anything.
  answer(486, flowLike(flow, { remoteAddress: '198.51.100.66' }));
  answer(180);
  expect(sent.map(({ method }) => method)).toEqual(['ACK', 'ACK']);
  const [ack] = sent as [SipRequest];
  expect([ack.requestUri, ack.callId(), ack.topVia().branch, ack.vias().length]).toEqual([
    ...[request.requestUri, request.callId(), request.topVia().branch, 1],
  ]);
  expect([ack.toTag(), ack.cseq()]).toEqual(['late', { sequence: request.cseq().sequence, method: 'ACK' }]);
  expect(cancelled).toEqual([]);
  expect(heard).toEqual([]);
  close(flow);
  answer(486);
  expect(sent).toHaveLength(2);
});

test('§17.1.3: a 1xx of who is not the peer cancels nothing, though the flow is open', () => {
  const cancelled: SentInvite[] = [];
  const invites = remembering(new VirtualScheduler(), (invite) => cancelled.push(invite));
  const { answer, flow } = abandon(invites, new World());
  answer(180, flowLike(flow, { remoteAddress: '198.51.100.66' }));
  expect(cancelled).toEqual([]);
});

describe('one that was cancelled and has had no final response', () => {
  function cancelledOnce() {
    const scheduler = new VirtualScheduler();
    const atMs: number[] = [];
    const invites = remembering(scheduler, () => atMs.push(scheduler.nowMs()));
    const invite = abandon(invites, new World());
    scheduler.advance(10_000);
    invite.answer(180);
    return { ...invite, scheduler, atMs };
  }

  test('is cancelled once more when its CANCEL had no answer, and not while that is under way', () => {
    const { answer, unanswered, scheduler, atMs } = cancelledOnce();
    scheduler.advance(32_000);
    answer(180);
    expect(atMs).toEqual([10_000]);
    unanswered(false);
    for (const status of [180, 180]) answer(status);
    expect(atMs).toEqual([10_000, 42_000]);
  });

  test('is cancelled once in 64*T1 at most, however soon the CANCEL has failed', () => {
    const { answer, unanswered, scheduler, atMs } = cancelledOnce();
    for (let second = 0; second < 32; second++) {
      unanswered(false);
      answer(180);
      scheduler.advance(1_000);
    }
    expect(atMs).toEqual([10_000]);
    answer(180);
    expect(atMs).toEqual([10_000, 42_000]);
  });

  test('is cancelled at once over a new connection when that of its CANCEL has ended', () => {
    const { answer, unanswered, flow, scheduler, atMs } = cancelledOnce();
    scheduler.advance(1_000);
    unanswered(false, flowLike(flow, { closed: true }));
    answer(180, flowLike(flow));
    expect(atMs).toEqual([10_000, 11_000]);
  });

  test('is heard for its 2xx alone when its CANCEL had an answer', () => {
    const { answer, unanswered, scheduler, atMs, heard } = cancelledOnce();
    scheduler.advance(32_000);
    unanswered(true);
    for (const status of [180, 200]) answer(status);
    expect(atMs).toEqual([10_000]);
    expect(heard.map(({ status }) => status)).toEqual([200]);
  });

  test('is remembered no longer for that: 128*T1 from when it was given up', async () => {
    const { answer, unanswered, scheduler, atMs, late, heard } = cancelledOnce();
    scheduler.advance(32_000);
    unanswered(false);
    scheduler.advance(21_999);
    answer(200);
    expect(heard).toHaveLength(1);
    scheduler.advance(1);
    unanswered(false);
    answer(180);
    expect(atMs).toEqual([10_000]);
    expect(await isCollected(late)).toBe(true);
    expect(scheduler.armedCount).toBe(0);
  });
});
