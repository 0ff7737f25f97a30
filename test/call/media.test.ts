import { describe, expect, test } from 'vitest';
import type { LegOptions } from '../../src/call/plan.ts';
import type { MediaMode } from '../../src/media/index.ts';
import { HeaderId, type SipResponse } from '../../src/sip/message/index.ts';
import { relayed } from '../kit/fake-relay.ts';
import { answersReinvites, RelayedWorld, wish, withMedia } from './relayed-world.ts';
import { branchTo, legOptions, sdp, stages } from './world.ts';

test('each side gets the other’s description from the relay, and BYE deletes the session, whose statistics are in the record', () => {
  const world = new RelayedWorld();
  const { a, b, fake } = world;
  const sent = world.connect();
  expect(b.invite.request.body).toBe(relayed(sdp('caller')));
  expect(sent.final?.body).toBe(relayed(sdp('callee')));
  expect(fake.told).toEqual(['1 offer near>', '1 answer near>far-tag-b']);
  a.sends('BYE');
  expect(fake.told.at(-1)).toBe('1 delete near>');
  expect(world.settles()).toBe(true);
  expect(world.record.media).toMatchObject([{ near: { packets: 50 }, far: { packets: 50 } }]);
});

test('a request whose answer is lost goes again, and the relay does it once', () => {
  const world = new RelayedWorld();
  let losses = 2;
  world.fake.loses = ({ command }) => command === 'offer' && losses-- > 0;
  const sent = world.a.call();
  world.run(600);
  expect(world.b.invite.request.body).toBe(relayed(sdp('caller')));
  expect(world.fake.count('offer')).toBe(1);
  world.b.answer(world.b.invite, 486);
  world.run();
  expect(sent.final?.status).toBe(486);
  expect(world.settles()).toBe(true);
});

test('a dead relay is left for another one after a second; with none the call is refused with 503, or passes where its trunk says so', () => {
  const world = new RelayedWorld([1, 2]);
  world.fake.dead.add(1);
  world.a.call();
  world.run(1100);
  expect(world.b.invite.request.body).toBe(relayed(sdp('caller'), 2));
  world.b.answer(world.b.invite, 486);
  world.run();
  world.fake.dead.add(2);
  world.run(4000);
  const refused = world.a.call();
  world.run();
  expect(refused.final?.status).toBe(503);
  world.engine.plan = (request) =>
    withMedia(stages([{ branches: [branchTo(request, 'b')] }]), wish('always', { withoutRelay: 'pass' }));
  world.a.call();
  world.run();
  expect(world.b.invite.request.body).toBe(sdp('caller'));
  world.b.answer(world.b.invite, 486);
  world.run();
  world.relays.close();
  expect(world.settles()).toBe(true);
});

test('the codecs of a trunk are chosen for an offer that passes because no relay has answered it', () => {
  const world = new RelayedWorld([1], wish('always', { withoutRelay: 'pass', codecs: ['PCMA'] }));
  world.fake.dead.add(1);
  world.a.call({ body: sdp('caller', 'audio 4000 RTP/AVP 0 8') });
  world.run(1100);
  expect(world.b.invite.request.body).toBe(sdp('caller', 'audio 4000 RTP/AVP 8'));
  world.b.answer(world.b.invite, 486);
  world.run();
  expect(world.settles()).toBe(true);
});

test('an offer within the call that a relay cannot read, or that leaves no codec, is refused with 488; the relay counts as up', () => {
  const world = new RelayedWorld([1], wish('always', { codecs: ['PCMA'] }));
  const { a, b, fake } = world;
  a.calls({ body: sdp('caller', 'audio 4000 RTP/AVP 8') });
  b.answers(200, { body: sdp('callee', 'audio 4000 RTP/AVP 8') });
  for (const body of [
    sdp('caller', 'audio 4000 RTP/AVP 0'),
    sdp('caller', 'audio 4000 RTP/AVP 8') + 'm=audio 4000 RTP/AVP 8\r\n'.repeat(16),
  ]) {
    const refused = a.sends('INVITE', { body });
    expect(refused.final?.status).toBe(488);
  }
  expect(b.requests('INVITE')).toHaveLength(1);
  expect([fake.count('offer'), world.relays.list()[0]?.state]).toEqual([1, 'up']);
  expect(world.ends()).toBe(true);
});

test('a CANCEL while the relay is asked ends the call, and nobody is called', () => {
  const world = new RelayedWorld();
  world.fake.dead.add(1);
  const sent = world.a.call();
  world.run(300);
  sent.transaction?.cancel();
  world.run();
  expect(sent.final?.status).toBe(487);
  expect(world.network.count('engine>b INVITE')).toBe(0);
  expect(world.settles()).toBe(true);
});

test('forks: each has its own side of one session, and the one that answers keeps it', () => {
  const world = new RelayedWorld();
  const { a, b, fake } = world;
  const sent = a.calls();
  b.answers(183, { body: sdp('one') }, 'one');
  b.answers(183, { body: sdp('two') }, 'two');
  b.answers(200, { body: sdp('two') }, 'two');
  expect(sent.responses.map(({ body }) => body)).toEqual(
    [sdp('one'), sdp('two'), sdp('two')].map((each) => relayed(each)),
  );
  // What comes again is not told again.
  expect(fake.told).toEqual(['1 offer near>', '1 answer near>far-one', '1 answer near>far-two']);
  expect(world.ends()).toBe(true);
});

test('a 2xx that comes again, or of another fork, while the relay has the first is acknowledged', () => {
  const world = new RelayedWorld();
  const { a, b, fake } = world;
  const sent = a.calls();
  for (const tag of ['one', 'one', 'two']) b.answer(b.invite, 200, { body: sdp(tag) }, tag);
  world.run();
  expect(sent.responses.map(({ body }) => body)).toEqual([relayed(sdp('one'))]);
  expect(b.acks.map((ack) => ack.toTag())).toEqual(['one', 'one', 'two']);
  expect(b.requests('BYE').map((bye) => bye.toTag())).toEqual(['two']);
  expect(fake.sessions.get(1)?.size).toBe(1);
  expect(world.ends()).toBe(true);
});

test('delayed offer: the callee offers in its 2xx, the caller answers in its ACK', () => {
  const world = new RelayedWorld();
  const { a, b, fake } = world;
  a.ackBody = sdp('answer');
  const sent = a.calls({});
  b.answers(180);
  b.answers(200, { body: sdp('offer') });
  expect(sent.final?.body).toBe(relayed(sdp('offer')));
  expect(b.acks.map((ack) => ack.body)).toEqual([relayed(sdp('answer'))]);
  expect(fake.told).toEqual(['1 offer far-tag-b>near', '1 answer far-tag-b>near']);
  expect(world.ends()).toBe(true);
});

test('RFC 3262 §5: an offer in a reliable response is answered in PRACK', () => {
  const world = new RelayedWorld();
  const { a, b, fake } = world;
  const sent = a.calls({ headers: [[HeaderId.Supported, '100rel']] });
  b.answers(183, {
    body: sdp('offer'),
    headers: [
      [HeaderId.Require, '100rel'],
      [HeaderId.RSeq, '7001'],
    ],
  });
  const early = sent.responses.at(-1) as SipResponse;
  expect(early.body).toBe(relayed(sdp('offer')));
  const rack = `${early.headers.value(HeaderId.RSeq)} ${sent.request.cseq().sequence} INVITE`;
  a.sends('PRACK', { headers: [[HeaderId.RAck, rack]], body: sdp('answer') });
  expect(b.requests('PRACK')[0]?.body).toBe(relayed(sdp('answer')));
  b.answers(200);
  expect(fake.told).toEqual(['1 offer far-tag-b>near', '1 answer far-tag-b>near']);
  expect(world.ends()).toBe(true);
});

test('a re-INVITE of either side is told; one that is refused is taken back by the last exchange that was agreed', () => {
  const world = new RelayedWorld();
  const { a, b, fake } = world;
  world.connect();
  answersReinvites(a);
  b.sends('INVITE', { body: sdp('b-hold') });
  expect(a.invite.request.body).toBe(relayed(sdp('b-hold')));
  expect(fake.told.slice(2)).toEqual(['1 offer far-tag-b>near', '1 answer far-tag-b>near']);
  answersReinvites(b, 488);
  const refused = a.sends('INVITE', { body: sdp('a-video') });
  expect(refused.final?.status).toBe(488);
  expect(fake.told.slice(4)).toEqual(['1 offer near>far-tag-b', '1 offer far-tag-b>near', '1 answer far-tag-b>near']);
  expect(fake.requests.slice(5).map((request) => request['sdp'])).toEqual([sdp('b-hold'), sdp('a-answer')]);
  expect(world.ends()).toBe(true);
});

test('an UPDATE with an offer is told, for a party without UPDATE as a re-INVITE', () => {
  const world = new RelayedWorld();
  const { a, b, fake } = world;
  world.connect();
  b.onRequest = (transaction, request) => {
    if (request.method === 'UPDATE') b.answer(transaction, 405);
    else if (request.method === 'INVITE') b.answer(transaction, 200, { body: sdp('b-answer') });
  };
  const update = a.sends('UPDATE', { body: sdp('a-update') });
  expect(b.invite.request.body).toBe(relayed(sdp('a-update')));
  expect(update.final?.body).toBe(relayed(sdp('b-answer')));
  expect(fake.told.slice(2)).toEqual(['1 offer near>far-tag-b', '1 answer near>far-tag-b']);
  expect(world.ends()).toBe(true);
});

test('a relay that dies leaves its call alone, whose next offer goes to another relay', () => {
  const world = new RelayedWorld([1, 2]);
  const { a, b, fake } = world;
  world.connect();
  fake.dead.add(1);
  fake.sessions.clear();
  world.run(5000);
  expect(world.engine.calls.counters.live).toBe(1);
  answersReinvites(b);
  const held = a.sends('INVITE', { body: sdp('a-hold') });
  expect(b.invite.request.body).toBe(relayed(sdp('a-hold'), 2));
  expect(held.final?.body).toBe(relayed(sdp('b-answer'), 2));
  expect(world.ends()).toBe(true);
});

test('a session that the relay has ended for want of media ends the call, with the reason in both BYEs', () => {
  const world = new RelayedWorld();
  const { a, b, fake } = world;
  world.connect();
  fake.sessions.clear();
  world.run(16_000);
  for (const party of [a, b])
    expect(party.requests('BYE')[0]?.headers.value(HeaderId.Reason)).toBe('SIP;cause=408;text="Media Timeout"');
  expect(world.settles()).toBe(true);
  expect(world.record).toMatchObject({ endReason: 'media-timeout', endedBy: 'engine' });
});

test('blind transfer: the new pair has a session of its own, and the old one ends', () => {
  const world = new RelayedWorld();
  const { a, b, c, fake } = world;
  world.connect();
  answersReinvites(b);
  a.sends('REFER', { headers: [[HeaderId.ReferTo, '<sip:300@engine>']] });
  c.answers(200, { body: sdp('c-offer') });
  expect(b.invite.request.body).toBe(relayed(sdp('c-offer')));
  expect(c.acks[0]?.body).toBe(relayed(sdp('b-answer')));
  a.sends('BYE');
  expect(fake.sessions.get(1)?.size).toBe(1);
  c.sends('INVITE', { body: sdp('c-hold') });
  expect(b.invite.request.body).toBe(relayed(sdp('c-hold')));
  expect(world.ends(c)).toBe(true);
  expect(world.record.media).toHaveLength(2);
});

test('RFC 3891: whoever takes a place gets a session with the party that stays; one that fails leaves the old session', () => {
  const world = new RelayedWorld();
  const { a, b, c, fake } = world;
  world.connect();
  const { callId, remoteTag, localTag } = b.dialog;
  const replaces = [[HeaderId.Replaces, `${callId};to-tag=${remoteTag};from-tag=${localTag}`]] as const;
  answersReinvites(a, 488);
  expect(c.call({ headers: replaces, body: sdp('c') }, 'first')).toBeDefined();
  world.run();
  expect(fake.sessions.get(1)?.size).toBe(1);
  answersReinvites(a);
  const sent = c.calls({ headers: replaces, body: sdp('c') }, 'second');
  expect(a.invite.request.body).toBe(relayed(sdp('c')));
  expect(sent.final?.body).toBe(relayed(sdp('a-answer')));
  expect(b.requests('BYE')).toHaveLength(1);
  expect(fake.sessions.get(1)?.size).toBe(1);
  expect(world.ends()).toBe(true);
});

test('a ringing call that is picked up: each side is answered with the other’s offer, through the relay', () => {
  const world = new RelayedWorld();
  const { a, b, c, fake } = world;
  const sent = a.calls();
  b.answers(180);
  b.invite.user = { onCancel: () => b.answer(b.invite, 487) };
  const { callId, remoteTag, localTag } = b.dialog;
  const picked = c.calls({
    headers: [[HeaderId.Replaces, `${callId};to-tag=${remoteTag};from-tag=${localTag}`]],
    body: sdp('c'),
  });
  expect(sent.final?.body).toBe(relayed(sdp('c')));
  expect(picked.final?.body).toBe(relayed(sdp('caller')));
  expect(fake.sessions.get(1)?.size).toBe(1);
  expect(world.ends()).toBe(true);
});

test('a call of another node that is given up, and whose phone has not said 487, is not picked up by who waits for a relay', () => {
  const world = new RelayedWorld();
  const { a, b, c, fake } = world;
  const facts = { direction: 'outbound', caller: 'caller', called: 'callee', peerNode: 'two' } as const;
  world.engine.plan = (request) => withMedia(stages([{ branches: [branchTo(request, 'b')] }], { facts }), wish());
  const sent = a.calls();
  b.answer(b.invite, 180);
  b.invite.user = { onCancel: () => {} };
  world.run();
  const { callId, remoteTag, localTag } = b.dialog;
  const headers = [[HeaderId.Replaces, `${callId};to-tag=${remoteTag};from-tag=${localTag}`]] as const;
  fake.dead.add(1);
  const picked = c.call({ headers, body: sdp('c') });
  world.run(200);
  sent.transaction?.cancel();
  world.run(200);
  fake.dead.delete(1);
  world.run(700);
  expect([picked.final?.status, sent.final]).toEqual([481, undefined]);
  b.answers(487);
  expect(sent.final?.status).toBe(487);
  expect(world.settles()).toBe(true);
});

test('parties that need no relay: their descriptions pass octet for octet, and no relay hears of them', () => {
  const world = new RelayedWorld([1], wish('auto'));
  const sent = world.connect();
  expect(world.b.invite.request.body).toBe(sdp('caller'));
  expect(sent.final?.body).toBe(sdp('callee'));
  expect(world.fake.told).toEqual([]);
  world.a.send('BYE');
  expect(world.settles()).toBe(true);
});

test('codecs are chosen without a relay too; an offer without any of them is refused with 488', () => {
  const offer = sdp('caller', 'audio 4000 RTP/AVP 0 8 101');
  const world = new RelayedWorld([], wish('auto', { codecs: ['PCMA'] }));
  const { a, b } = world;
  const sent = a.calls({ body: `${offer}a=rtpmap:101 telephone-event/8000\r\n` });
  expect(b.invite.request.body).toContain('m=audio 4000 RTP/AVP 8 101\r\n');
  b.answers(200, { body: sdp('callee', 'audio 4000 RTP/AVP 8') });
  expect(sent.final?.body).toBe(sdp('callee', 'audio 4000 RTP/AVP 8'));
  a.sends('BYE');
  const refused = a.calls({ body: sdp('caller', 'audio 4000 RTP/AVP 0') });
  expect(refused.final?.status).toBe(488);
  expect(world.settles()).toBe(true);
});

test('a callee that holds the call, transfers the caller and hangs up: nothing is left', () => {
  const world = new RelayedWorld();
  const { a, b, c, fake } = world;
  world.connect();
  answersReinvites(a);
  b.send('INVITE', { body: sdp('b-hold') });
  b.sends('REFER', { headers: [[HeaderId.ReferTo, '<sip:300@engine>']] });
  c.answers(180);
  c.answers(200, { body: sdp('c-offer') });
  expect(c.acks[0]?.body).toBe(relayed(sdp('a-answer')));
  b.sends('BYE');
  expect(fake.sessions.get(1)?.size).toBe(1);
  a.send('BYE');
  world.run(2000);
  expect(fake.sessions.get(1)?.size).toBe(0);
  expect(world.engine.calls.counters).toMatchObject({ live: 0, legs: 0 });
  expect(world.settles()).toBe(true);
});

/** A party as Microsoft Teams is one: it takes no INVITE without an offer, and no hold but `inactive`. */
const demanding = (more: Partial<NonNullable<LegOptions['media']>> = {}) =>
  wish('auto', { needsOffer: true, holdsInactive: true, ...more });

/** A call of `a`, in no need of anything, to `b`, which is demanding. */
function demandingCall(ports: readonly number[], mode: MediaMode): { world: RelayedWorld; offers: string[] } {
  const world = new RelayedWorld(ports, wish('auto'));
  const { a, b, engine } = world;
  engine.plan = (request) => {
    const plan = withMedia(stages([{ branches: [branchTo(request, 'b')] }]), demanding({ mode }));
    return { ...plan, callerLeg: { ...plan.callerLeg, media: wish('auto') } };
  };
  engine.newcomer = { ...legOptions('c'), media: wish('auto') };
  const offers: string[] = [];
  a.calls({ body: sdp('phone', 'audio 4000 RTP/AVP 8') });
  b.answers(200, { body: sdp('teams', 'audio 4002 RTP/AVP 8') });
  b.onRequest = (transaction, request) => {
    if (request.method !== 'INVITE') return;
    offers.push(request.body);
    if (request.body === '') b.answer(transaction, 488);
    else b.answer(transaction, 200, { body: sdp('teams', 'audio 4002 RTP/AVP 8') });
  };
  return { world, offers };
}

describe.each([
  ['through a relay', [1], 'always'],
  ['without a relay', [], 'auto'],
] as const)(
  'RFC 3261 §14.1, RFC 6337 §5.2.5: a re-INVITE without an offer to a party that takes none, %s',
  (_where, ports, mode) => {
    test('it is offered what the sender described last, which has the answer as its offer; a hold in the ACK is told', () => {
      const { world, offers } = demandingCall(ports, mode);
      const { a, b } = world;
      a.ackBody = sdp('phone', 'audio 4000 RTP/AVP 8');
      const asked = a.sends('INVITE', {});
      expect(asked.final?.status).toBe(200);
      expect(asked.final?.body).toMatch(/^m=audio 4002 /m);
      expect(offers).toHaveLength(1);
      expect(offers[0]).toMatch(/^m=audio 4000 RTP\/AVP 8\r$/m);
      expect(b.acks.every(({ body }) => body === '')).toBe(true);
      a.ackBody = `${sdp('phone', 'audio 4000 RTP/AVP 8')}a=sendonly\r\n`;
      a.sends('INVITE', {});
      expect(offers.map((offer) => /^a=inactive\r$/m.test(offer))).toEqual([false, false, true]);
      // Resumed in the same way.
      a.ackBody = sdp('phone', 'audio 4000 RTP/AVP 8');
      a.sends('INVITE', {});
      expect(offers.map((offer) => /^a=inactive\r$/m.test(offer))).toEqual([false, false, true, false]);
      a.ackBody = '';
      expect(world.ends()).toBe(true);
    });

    test('refused, the session is as it was, and the next offer is the sender’s own', () => {
      const { world, offers } = demandingCall(ports, mode);
      const { a, b } = world;
      b.onRequest = (transaction, request) => {
        offers.push(request.body);
        b.answer(
          transaction,
          offers.length === 1 ? 500 : 200,
          offers.length === 1 ? {} : { body: sdp('teams', 'audio 4002 RTP/AVP 8') },
        );
      };
      const refused = a.sends('INVITE', {});
      expect(refused.final?.status).toBe(500);
      const own = a.sends('INVITE', { body: sdp('phone', 'audio 4010 RTP/AVP 8') });
      expect(own.final?.status).toBe(200);
      expect(offers[1]).toMatch(/^m=audio 4010 /m);
      b.onRequest = () => {};
      expect(world.ends()).toBe(true);
    });
  },
);

test('RFC 3891: whoever takes a place without an offer is offered what the other party has answered to a made-up one', () => {
  const { world, offers } = demandingCall([1], 'srtp');
  const { a, b, c } = world;
  const { callId, remoteTag, localTag } = a.dialog;
  c.ackBody = sdp('c', 'audio 4020 RTP/AVP 8');
  const sent = c.calls({ headers: [[HeaderId.Replaces, `${callId};to-tag=${remoteTag};from-tag=${localTag}`]] });
  expect(sent.final?.status).toBe(200);
  expect(offers).toHaveLength(1);
  expect(offers[0]).toMatch(/^m=audio /m);
  expect(sent.final?.body).toMatch(/^m=audio 4002 /m);
  expect(
    world.fake.requests.some((request) => request['command'] === 'offer' && String(request['sdp']).includes('4020')),
  ).toBe(true);
  b.onRequest = () => {};
  c.ackBody = '';
  expect(world.ends(c)).toBe(true);
});
