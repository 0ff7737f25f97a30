import { expect, test } from 'vitest';
import type { CallPlan, Rejection } from '../../src/call/plan.ts';
import { HeaderId, type SipRequest } from '../../src/sip/message/index.ts';
import { branchTo, legOptions, type Party, type Sent, scene, sdp, stages, World } from './world.ts';

/** The sipfrag status lines that a transferor was told, and how the subscription ended. */
function told(party: Party): string[] {
  return party.requests('NOTIFY').map((notify) => notify.body.trim());
}

function answersReinvites(party: Party, name: string): void {
  party.onRequest = (transaction, request) => {
    if (request.method !== 'INVITE' || request.toTag() === undefined) return;
    party.answer(transaction, 200, { body: sdp(request.body === '' ? `${name}-offer` : `${name}-answer`) });
  };
}

/** A talks to B; `party` refers its peer to C, by a plan that rings C without a description. */
function referring(plan: CallPlan | Rejection = stages([{ branches: [branchTo(undefined, 'c')] }])): World {
  const world = new World();
  const asked: string[] = [];
  world.engine.router = {
    referred: (_call, leg, referTo) => {
      asked.push(`${leg.options.owner?.number} ${referTo}`);
      return plan;
    },
    mayReplace: () => true,
  };
  world.connect();
  return Object.assign(world, { asked });
}

function refer(world: World, party: Party = world.a, to = '<sip:300@engine>'): Sent {
  const sent = party.send('REFER', {
    headers: [
      [HeaderId.ReferTo, to],
      [HeaderId.ReferredBy, '<sip:a@engine>'],
    ],
  });
  world.run();
  return sent;
}

test('RFC 3515, blind transfer: 202, NOTIFYs 100, 180, 200; the new party’s offer goes to the transferee and its answer comes in the ACK', () => {
  const world = referring();
  const { a, b, c } = world;
  answersReinvites(b, 'b');
  const sent = refer(world);
  expect(sent.final?.status).toBe(202);
  expect((world as unknown as { asked: string[] }).asked).toEqual(['caller sip:300@engine']);
  expect(c.invite.request.body).toBe('');
  c.answers(180);
  c.answers(200, { body: sdp('c-offer') });
  expect(b.invite.request.body).toBe(sdp('c-offer'));
  expect(c.acks[0]?.body).toBe(sdp('b-answer'));
  expect(told(a)).toEqual(['SIP/2.0 100 Trying', 'SIP/2.0 180 Ringing', 'SIP/2.0 200 OK']);
  const last = a.requests('NOTIFY').at(-1);
  expect(last?.headers.value(HeaderId.SubscriptionState)).toBe('terminated;reason=noresource');
  expect(last?.headers.value(HeaderId.ContentType)).toBe('message/sipfrag;version=2.0');
  // The transferor hangs up its own leg; the others talk on.
  a.sends('BYE');
  expect(world.engine.calls.counters.live).toBe(1);
  expect(b.requests('BYE')).toHaveLength(0);
  c.sends('BYE');
  expect(b.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
  expect(world.record.transferredTo).toBe('sip:300@engine');
});

test('the callee may transfer the caller just as well', () => {
  const world = referring();
  const { a, b, c } = world;
  answersReinvites(a, 'a');
  refer(world, b);
  c.answers(200, { body: sdp('c-offer') });
  expect(c.acks[0]?.body).toBe(sdp('a-answer'));
  b.sends('BYE');
  a.sends('BYE');
  expect(c.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('RFC 5589 §6: a transferor that hangs up right after the 202: the transferee waits and is connected', () => {
  const world = referring();
  const { a, b, c } = world;
  answersReinvites(b, 'b');
  refer(world);
  a.sends('BYE');
  expect(b.requests('BYE')).toHaveLength(0);
  c.answers(200, { body: sdp('c-offer') });
  expect(c.acks[0]?.body).toBe(sdp('b-answer'));
  b.sends('BYE');
  expect(c.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('a failed transfer leaves the call as it was, and the transferor is told why', () => {
  const world = referring();
  const { a, b, c } = world;
  refer(world);
  c.answers(486);
  expect(told(a).at(-1)).toBe('SIP/2.0 486 Busy Here');
  expect(b.requests('BYE')).toHaveLength(0);
  const info = a.sends('INFO', { body: 'x', type: 'text/x' });
  expect(info.final?.status).toBe(200);
  expect(b.requests('INFO')).toHaveLength(1);
  expect(world.ends()).toBe(true);
});

test('a failed transfer whose transferor has left ends the transferee’s leg', () => {
  const world = referring();
  const { a, b, c } = world;
  refer(world);
  a.sends('BYE');
  c.answers(486);
  expect(b.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('the transferee hangs up while the new party rings: that one is cancelled and everybody ends', () => {
  const world = referring();
  const { a, b, c, network } = world;
  refer(world);
  c.answer(c.invite, 180);
  c.invite.user = { onCancel: () => c.answer(c.invite, 487) };
  world.run();
  b.sends('BYE');
  expect(network.count('engine>c CANCEL')).toBe(1);
  expect(a.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('the transferee refuses the new description: the new party is let go, the call stays as it was', () => {
  const world = referring();
  const { a, b, c } = world;
  b.onRequest = (transaction, request) => {
    if (request.method === 'INVITE') b.answer(transaction, 488);
  };
  refer(world);
  c.answers(200, { body: sdp('c-offer') });
  expect(c.requests('BYE')).toHaveLength(1);
  expect(told(a).at(-1)).toBe('SIP/2.0 488 Not Acceptable Here');
  expect(b.requests('BYE')).toHaveLength(0);
  expect(world.ends()).toBe(true);
});

test('RFC 3261 §13.2.1: a new party that answers without an offer is let go, for nobody could talk to it', () => {
  const world = referring();
  const { a, b, c } = world;
  answersReinvites(b, 'b');
  refer(world);
  c.answers(200);
  expect(told(a).at(-1)).toBe('SIP/2.0 488 Not Acceptable Here');
  expect([c.acks.length, c.requests('BYE').length]).toEqual([1, 1]);
  expect(b.requests('INVITE')).toHaveLength(1);
  expect(world.ends()).toBe(true);
});

test('a plan whose draft has a description: its answer is put to the transferee as an offer', () => {
  const plan = stages([
    {
      branches: [
        {
          ...branchTo(undefined, 'c'),
          draft: { ...branchTo(undefined, 'c').draft, headers: [['Content-Type', 'application/sdp']], body: sdp('b') },
        },
      ],
    },
  ]);
  const world = referring(plan);
  const { a, b, c } = world;
  answersReinvites(b, 'b');
  refer(world);
  expect(c.invite.request.body).toBe(sdp('b'));
  c.answers(200, { body: sdp('c-answer') });
  expect(b.invite.request.body).toBe(sdp('c-answer'));
  expect(c.acks).toHaveLength(1);
  a.sends('BYE');
  expect(world.ends(b)).toBe(true);
});

test('a transferor that does not hang up after success is hung up', () => {
  const world = referring();
  const { a, b, c } = world;
  answersReinvites(b, 'b');
  refer(world);
  c.answer(c.invite, 200, { body: sdp('c-offer') });
  world.run(6000);
  expect(a.requests('BYE')).toHaveLength(1);
  expect(world.ends(b)).toBe(true);
});

test('the transferor’s rules rule: a rejection answers the REFER; so do a bad Refer-To, another method and a second REFER', () => {
  const world = referring({ status: 403, reason: 'Barred' });
  const barred = refer(world);
  expect(barred.final?.status).toBe(403);
  expect(refer(world, world.a, '<sip:[>').final?.status).toBe(400);
  expect(refer(world, world.a, '<sip:x@engine;method=BYE>').final?.status).toBe(501);
  expect(refer(world, world.a, '<sip:102;method=BYE>').final?.status).toBe(501);
  expect(refer(world, world.a, '<http://x>').final?.status).toBe(416);
  expect(told(world.a)).toEqual([]);
  world.engine.router = { referred: () => stages([{ branches: [branchTo(undefined, 'c')] }]), mayReplace: () => true };
  expect(refer(world).final?.status).toBe(202);
  expect(refer(world).final?.status).toBe(500);
  world.c.answer(world.c.invite, 404);
  world.run();
  world.a.send('BYE');
  expect(world.settles()).toBe(true);
});

test('RFC 4488: with Refer-Sub: false there is no subscription', () => {
  const world = referring();
  const { a, c } = world;
  const sent = a.sends('REFER', {
    headers: [
      [HeaderId.ReferTo, '<sip:300@engine>'],
      [HeaderId.ReferSub, 'false'],
    ],
  });
  expect(sent.final?.status).toBe(200);
  expect(sent.final?.headers.value(HeaderId.ReferSub)).toBe('false');
  c.answers(404);
  expect(told(a)).toEqual([]);
  expect(world.ends()).toBe(true);
});

/** A talks to B in one call and to C in another. */
function twoCalls(): { world: World; toB: Party['dialog']; toC: Party['dialog'] } {
  const { world, a, c, engine } = scene();
  world.connect();
  const toB = a.dialog;
  engine.plan = (request) => stages([{ branches: [branchTo(request, 'c')] }]);
  a.calls();
  c.answers(200, { body: sdp('c') });
  const toC = a.dialog;
  return { world, toB, toC };
}

function replacing(dialog: Party['dialog'], address = 'sip:300@engine'): string {
  const value = encodeURIComponent(`${dialog.callId};to-tag=${dialog.remoteTag};from-tag=${dialog.localTag}`);
  return `<${address}?Replaces=${value}>`;
}

// A phone may write the number as it was typed, without a host: the dialog says who is meant.
test.each(['sip:300@engine', 'sip:300', 'sip:300;transport=tcp'])(
  'RFC 3891 and 5589 §7, attended transfer to %s: both other parties are connected with fresh descriptions, the transferor’s legs end',
  (address) => {
    const { world, toB, toC } = twoCalls();
    const { a, b, c, engine } = world;
    answersReinvites(b, 'b');
    answersReinvites(c, 'c');
    const sent = a.send('REFER', { headers: [[HeaderId.ReferTo, replacing(toC, address)]] }, toB);
    world.run(200);
    expect(sent.final?.status).toBe(202);
    expect(c.invite.request.body).toBe('');
    expect(b.invite.request.body).toBe(sdp('c-offer'));
    expect(c.acks.at(-1)?.body).toBe(sdp('b-answer'));
    expect(told(a).at(-1)).toBe('SIP/2.0 200 OK');
    // The replaced dialog is ended by the engine, the other by the transferor.
    expect(a.requests('BYE').map((bye) => bye.callId())).toEqual([toC.callId]);
    a.sends('BYE', {}, toB);
    expect(engine.calls.counters.live).toBe(1);
    const info = b.sends('INFO', { body: 'hello', type: 'text/x' });
    expect(info.final?.status).toBe(200);
    expect(c.requests('INFO')[0]?.body).toBe('hello');
    c.sends('BYE');
    expect(b.requests('BYE')).toHaveLength(1);
    expect(world.settles()).toBe(true);
    expect(engine.ended.map((record) => record.endReason).sort()).toEqual(['bye', 'transferred']);
  },
);

test('to who still rings, of a call over a trunk: such legs are nobody’s, so the call of another is not given up', () => {
  const { world, a, b, c, engine } = scene();
  const overTrunk = (to: string) => (request: SipRequest) =>
    stages([{ branches: [branchTo(request, to)] }], { callerLeg: legOptions() });
  engine.plan = overTrunk('b');
  world.connect();
  answersReinvites(b, 'b');
  const toB = a.dialog;
  engine.plan = overTrunk('c');
  const ringing = a.calls();
  c.answers(180);
  a.sends('REFER', { headers: [[HeaderId.ReferTo, replacing(a.dialog)]] }, toB);
  expect(told(a).at(-1)).toMatch(/^SIP\/2\.0 481 /);
  expect(ringing.final).toBeUndefined();
  expect(world.network.count('engine>c CANCEL')).toBe(0);
});

test('an attended transfer that the third party refuses leaves both calls as they were', () => {
  const { world, toB, toC } = twoCalls();
  const { a, b, c, engine } = world;
  c.onRequest = (transaction, request) => {
    if (request.method === 'INVITE') c.answer(transaction, 488);
  };
  a.send('REFER', { headers: [[HeaderId.ReferTo, replacing(toC)]] }, toB);
  world.run(200);
  expect(told(a).at(-1)).toBe('SIP/2.0 488 Not Acceptable Here');
  expect(engine.calls.counters.live).toBe(2);
  expect(b.requests('BYE').concat(c.requests('BYE'))).toHaveLength(0);
  a.send('BYE', {}, toB);
  a.send('BYE', {}, toC);
  expect(world.settles()).toBe(true);
});

test('RFC 3261 §13.2.1: nor is an attended transfer done to a third party whose answer holds no offer', () => {
  const { world, toB, toC } = twoCalls();
  const { a, b, c, engine } = world;
  c.onRequest = (transaction, request) => {
    if (request.method === 'INVITE') c.answer(transaction, 200);
  };
  a.send('REFER', { headers: [[HeaderId.ReferTo, replacing(toC)]] }, toB);
  world.run(200);
  expect(told(a).at(-1)).toBe('SIP/2.0 488 Not Acceptable Here');
  expect(c.acks).toHaveLength(2);
  expect(engine.calls.counters.live).toBe(2);
  expect(b.requests('BYE').concat(c.requests('BYE'))).toHaveLength(0);
  a.send('BYE', {}, toB);
  a.send('BYE', {}, toC);
  expect(world.settles()).toBe(true);
});

test('RFC 3891 §8: a dialog that the transferor may not replace is 403', () => {
  const { world, toB, toC } = twoCalls();
  world.engine.router = { referred: () => ({ status: 500 }), mayReplace: () => false };
  const sent = world.a.send('REFER', { headers: [[HeaderId.ReferTo, replacing(toC)]] }, toB);
  world.run();
  expect(sent.final?.status).toBe(403);
  world.a.send('BYE', {}, toB);
  world.a.send('BYE', {}, toC);
  expect(world.settles()).toBe(true);
});

test('§14.1: a transferee that answers 491 is asked again within the band of its dialog, and the transfer succeeds', () => {
  for (const [who, minMs, maxMs] of [
    // B’s Call-ID was made by the engine, A’s by A.
    ['b', 2100, 4000],
    ['a', 0, 2000],
  ] as const) {
    const world = referring();
    const transferee = world[who];
    const transferor = who === 'b' ? world.a : world.b;
    const { c, network } = world;
    const triedAtMs: number[] = [];
    transferee.onRequest = (transaction, request) => {
      if (request.method !== 'INVITE') return;
      triedAtMs.push(network.scheduler.nowMs());
      if (triedAtMs.length === 1) transferee.answer(transaction, 491);
      else transferee.answer(transaction, 200, { body: sdp('transferee') });
    };
    refer(world, transferor);
    c.answer(c.invite, 200, { body: sdp('c-offer') });
    world.run(5000);
    const [first = 0, second = 0] = triedAtMs;
    // Two network delays of 5 ms lie between.
    expect(second - first - 10).toBeGreaterThanOrEqual(minMs);
    expect(second - first - 10).toBeLessThanOrEqual(maxMs);
    expect(c.acks[0]?.body).toBe(sdp('transferee'));
    transferee.send('BYE');
    expect(world.settles()).toBe(true);
  }
});

test('RFC 3515 §2.4.5: a Refer-To with a Replaces that names no dialog to transfer to is told so, and calls nobody', () => {
  const world = referring();
  const { a, c, network } = world;
  const ofThisCall = replacing(a.dialog);
  for (const target of [
    '<sip:300@engine?Replaces=nosuch%3Bto-tag%3Da%3Bfrom-tag%3Db>',
    '<sip:300@engine?replaces=nosuch%3Bfrom-tag%3Db%3Bto-tag%3Da%3Bearly-only>',
    '<sip:300@engine?Subject=x&Replaces=nosuch%3Bto-tag%3Da%3Bfrom-tag%3Db>',
    ofThisCall,
  ]) {
    const before = told(a).length;
    const sent = refer(world, a, target);
    expect(sent.final?.status).toBe(202);
    expect(told(a).slice(before).at(-1)).toBe('SIP/2.0 481 Call/Transaction Does Not Exist');
    expect(a.requests('NOTIFY').at(-1)?.headers.value(HeaderId.SubscriptionState)).toContain('terminated');
  }
  expect(c.invites).toHaveLength(0);
  expect(network.count('engine>c INVITE')).toBe(0);
  expect((world as unknown as { asked: string[] }).asked).toEqual([]);
  // The call is as it was, and may still be transferred.
  const info = a.sends('INFO', { body: 'x', type: 'text/x' });
  expect(info.final?.status).toBe(200);
  expect(world.ends()).toBe(true);
});

test('RFC 4488: without a subscription there is no NOTIFY to say so, hence the REFER itself is refused', () => {
  const world = referring();
  const { a, c } = world;
  const sent = a.sends('REFER', {
    headers: [
      [HeaderId.ReferTo, '<sip:300@engine?Replaces=nosuch%3Bto-tag%3Da%3Bfrom-tag%3Db>'],
      [HeaderId.ReferSub, 'false'],
    ],
  });
  expect(sent.final?.status).toBe(481);
  expect(c.invites).toHaveLength(0);
  expect(world.ends()).toBe(true);
});
