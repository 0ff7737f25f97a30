import { beforeEach, describe, expect, test } from 'vitest';
import { HeaderId, type SipRequest, type SipResponse } from '../../src/sip/message/index.ts';
import { OTHER, PhoneThere, registeredThere, twoNodes } from '../engine/two-nodes.ts';
import { extension, type Phone, type RequestFields, SDP, type World } from '../engine/world.ts';

const BOB = '203.0.113.2';

let one: World;
let two: World;
let alice: Phone;
let carol: Phone;
let bob: PhoneThere;
let invite: SipRequest;
let final: SipResponse;
let atBob: SipRequest;

/** Alice, who is at one node, talks to bob, who is at the other. */
beforeEach(async () => {
  ({ one, two } = await twoNodes({ acme: { extensions: ['101', '102', '103'].map((number) => extension(number)) } }));
  registeredThere(one, '102', 'acme.example.com', BOB);
  bob = new PhoneThere(one, BOB, '102');
  bob.register();
  alice = one.phone('101', '203.0.113.1');
  carol = one.phone('103', '203.0.113.3');
  invite = alice.call('102');
  atBob = bob.took('INVITE');
  bob.answer(atBob, 200, 'OK', {}, SDP);
  one.run();
  const answered = alice.final(invite);
  if (answered === undefined) throw new Error('not answered');
  final = answered;
});

const refer = (fields: RequestFields) =>
  bob.ask(bob.withinOf(atBob, 'REFER', { Contact: `<sip:${bob.host}>`, CSeq: '4711 REFER', ...fields }), 50);

/** What the transferor is told of it (RFC 3515 §2.4.5). */
function takeNotify(index: number): string {
  const notify = bob.took('NOTIFY', index);
  bob.answer(notify, 200, 'OK');
  one.run();
  return `${notify.headers.value(HeaderId.Event)}: ${notify.body.trim()}`;
}

describe('a phone that is called through another node moves the call (RFC 3515)', () => {
  test.each(['acme.example.com', OTHER])(
    'to an extension at %s: under its rules, and it is told how that goes',
    (host) => {
      const accepted = refer({ 'Refer-To': `<sip:103@${host}>` });
      expect(accepted.status).toBe(202);
      expect(accepted.headers.value(HeaderId.Contact)).toContain(`@${OTHER}:5060`);
      // RFC 3515 §2.4.6: the sequence number of its own REFER.
      expect(takeNotify(0)).toBe('refer;id=4711: SIP/2.0 100 Trying');
      const rung = carol.took('INVITE');
      expect(rung.from().uri).toMatchObject({ user: '101' });
      carol.answer(rung, 200, 'OK', {}, SDP);
      one.run();
      const described = alice.took('INVITE');
      alice.answer(described, 200, 'OK', {}, SDP);
      one.run();
      expect(takeNotify(1)).toBe('refer;id=4711: SIP/2.0 200 OK');
      expect(bob.ask(bob.withinOf(atBob, 'BYE', { CSeq: '4712 BYE' })).status).toBe(200);
      expect(two.engine.calls.counters.live).toBe(0);
      const bye = alice.ask(alice.within(invite, final, 'BYE'));
      expect(bye.status).toBe(200);
      carol.answer(carol.took('BYE'), 200, 'OK');
      one.run(40_000);
      expect([one.held(), two.held()]).toMatchObject([
        { calls: 0, legs: 0, uncaught: 0 },
        { calls: 0, legs: 0, uncaught: 0 },
      ]);
      expect(one.observed.ended).toHaveLength(1);
    },
  );

  test('the one that it wants to reach is busy: it is told so, and the two talk on', () => {
    refer({ 'Refer-To': '<sip:103@acme.example.com>' });
    takeNotify(0);
    carol.answer(carol.took('INVITE'), 486, 'Busy Here');
    one.run();
    expect(takeNotify(1)).toBe('refer;id=4711: SIP/2.0 486 Busy Here');
    expect([...alice.requests('BYE'), ...bob.requests('BYE')]).toEqual([]);
  });

  test('RFC 4488 §4: without a subscription when it asks so', () => {
    const accepted = refer({
      'Refer-To': '<sip:103@acme.example.com>',
      'Refer-Sub': 'false',
      Require: 'norefersub',
    });
    expect(accepted.status).toBe(200);
    expect(accepted.headers.value(HeaderId.ReferSub)).toBe('false');
    expect(bob.requests('NOTIFY')).toEqual([]);
    expect(carol.requests('INVITE')).toHaveLength(1);
  });

  test('what is not allowed is refused as at one node', () => {
    expect(refer({ 'Refer-To': '<sip:103@elsewhere.example>' }).status).toBe(404);
    expect(refer({ CSeq: '4712 REFER', 'Refer-To': '<http://x.example>' }).status).toBe(416);
  });

  test('attended transfer is refused, and the two talk on', () => {
    const replaces = encodeURIComponent('some-call;to-tag=a;from-tag=b');
    expect(refer({ 'Refer-To': `<sip:103@acme.example.com?Replaces=${replaces}>` }).status).toBe(202);
    takeNotify(0);
    expect(takeNotify(1)).toMatch(/^refer;id=4711: SIP\/2\.0 481 /);
    expect([...carol.requests('INVITE'), ...alice.requests('BYE'), ...bob.requests('BYE')]).toEqual([]);
  });

  test('whose subscription the NOTIFYs of phones belong to nobody here knows (RFC 6665 §4.1.3)', () => {
    const notify = bob.withinOf(atBob, 'NOTIFY', { Event: 'refer', 'Subscription-State': 'active' });
    expect(bob.ask(notify, 50).status).toBe(481);
  });
});

test('the sequence number that a phone names beside its own counts for nothing', () => {
  const asked = alice.within(invite, final, 'REFER', {
    'Refer-To': '<sip:103@acme.example.com>',
    Contact: `<sip:${alice.host}>`,
    'X-Tandem-Referral': '99',
  });
  alice.ask(asked, 50);
  expect(alice.took('NOTIFY').headers.value(HeaderId.Event)).toBe(`refer;id=${asked.cseq().sequence}`);
});
