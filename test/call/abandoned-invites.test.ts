import { expect, test } from 'vitest';
import { AbandonedInvites, type SentInvite } from '../../src/call/abandoned-invites.ts';
import { defaultCallTimers } from '../../src/call/ports.ts';
import { createResponse, HeaderId, type SipResponse } from '../../src/sip/message/index.ts';
import type { Flow } from '../../src/sip/transport/index.ts';
import { isCollected } from '../kit/collected.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { World } from './world.ts';

/** An INVITE that is given up now. */
function abandon(invites: AbandonedInvites, { a }: World, isCancelled = false) {
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
  invites.add({ request, flow }, late, !isCancelled);
  const answer = (status = 200, over: Flow = flow) =>
    invites.receive(createResponse(request, status, undefined, { toTag: 'late' }), over);
  return { answer, heard, heardOver, request, flow, late: new WeakRef(late) };
}

test('§13.3.1.4: who answers an abandoned INVITE is heard for 128*T1; then it is forgotten, though nothing happens', async () => {
  const world = new World();
  const scheduler = new VirtualScheduler();
  const invites = new AbandonedInvites({ scheduler, timers: defaultCallTimers }, () => {});
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
  const invites = new AbandonedInvites({ scheduler, timers: defaultCallTimers }, (invite) => cancelled.push(invite));
  const { answer, heard, request, flow } = abandon(invites, world);
  const ofAnother = createResponse(request, 180);
  ofAnother.headers.set(HeaderId.Via, 'SIP/2.0/UDP engine;branch=z9hG4bKanother');
  invites.receive(ofAnother, flow);
  expect(cancelled).toEqual([]);
  for (const status of [100, 180]) answer(status);
  expect(cancelled.map((invite) => invite.request)).toEqual([request]);
  expect(heard).toEqual([]);
});

test('one that was cancelled before is heard for its 2xx alone', () => {
  const world = new World();
  const cancelled: SentInvite[] = [];
  const scheduler = new VirtualScheduler();
  const invites = new AbandonedInvites({ scheduler, timers: defaultCallTimers }, (invite) => cancelled.push(invite));
  const { answer, heard } = abandon(invites, world, true);
  for (const status of [180, 200]) answer(status);
  expect(cancelled).toEqual([]);
  expect(heard.map(({ status }) => status)).toEqual([200]);
});

test('§18.2.2: a callee whose connection has ended answers over a new one, and is cancelled or acknowledged over that', () => {
  const world = new World();
  const cancelled: SentInvite[] = [];
  const scheduler = new VirtualScheduler();
  const invites = new AbandonedInvites({ scheduler, timers: defaultCallTimers }, (invite) => cancelled.push(invite));
  const [before, ringing, answered] = [abandon(invites, world), abandon(invites, world), abandon(invites, world)];
  const another: Flow = Object.create(before.flow);
  // Where it is still there it is the one to be used.
  before.answer(180, another);
  for (const { flow } of [ringing, answered]) Object.defineProperty(flow, 'closed', { value: true });
  ringing.answer(180, another);
  expect(cancelled.map(({ request, flow }) => [request.callId(), flow === another])).toEqual([
    [before.request.callId(), false],
    [ringing.request.callId(), true],
  ]);
  answered.answer(200, another);
  expect(answered.heardOver.map((flow) => flow === another)).toEqual([true]);
});
