import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../kit/eventually.ts';
import { fieldOf, methodOf, once, uriOf, valuesOf, type WireMessage } from '../outbound/wire-message.ts';
import {
  accept,
  ackOf,
  call,
  carrierInvite,
  connectCarrier,
  dialogOfCallee,
  dialogOfCaller,
  type FieldWorld,
  inDialog,
  type Party,
  phoneInvite,
  register,
  responseTo,
  SDP,
  type StandingCall,
  startField,
  statusOf,
  WAYS,
} from './world.ts';

const E164 = '+442079460001';
const PHONE_ALLOWS = ['Allow: INVITE, ACK, CANCEL, BYE, OPTIONS'];

/** A REL of ISUP, which gateways put into their BYE (ITU-T Q.1912.5). */
const RELEASE = '\x0c\x02\0\x02\x80\x90';

describe.each(WAYS)('over %s at %s', (transport, host) => {
  let world: FieldWorld;
  let phone: Party;
  let carrier: Party;
  let desk: Party;
  /** Phone 101 as it calls: from an address that it is trusted at. */
  let dialler: Party;

  beforeAll(async () => {
    world = await startField({
      carrier: transport,
      phones: transport,
      host,
      // Over a connection of its own a carrier's calls come from any port.
      trunk: { options: { verifyPort: transport === 'udp', redirects: 'follow' } },
      tenant: { headers: { relay: { all: ['Subject', 'X-Account'] } } },
    });
    ({ phone, carrier } = world);
    desk = await world.party();
    dialler = phone;
    phone = await world.party();
    await register(phone, '101');
    await register(desk, '102');
    await connectCarrier(world);
  });
  afterEach(() => {
    for (const party of [phone, dialler, carrier, desk]) party.forget();
  });
  afterAll(() => world.stop());

  /** Ends a call by a BYE of its caller. */
  async function end(from: Party, { caller }: StandingCall, to: Party, sequence = 20): Promise<void> {
    from.send(inDialog(from, caller, 'BYE', sequence));
    if (to !== carrier) to.send(responseTo(await to.nextRequest('BYE'), '200 OK', ''));
    expect(statusOf(await from.nextAnswer())).toBe(200);
  }

  const invitesOf = (party: Party) =>
    once(party.received).filter(({ startLine }) => startLine.startsWith('INVITE ')).length;
  const toPhone = (changes = {}) => carrierInvite(carrier, changes);
  const insideInvite = (number: string, changes = {}) => phoneInvite(dialler, changes, number);

  test('a phone’s 302 goes where it says, under its own rules; one that names itself is a loop', async () => {
    const invite = toPhone();
    carrier.send(invite);
    const ringing = await phone.nextRequest('INVITE');
    phone.send(responseTo(ringing, '302 Moved Temporarily', 'm', ['Contact: <sip:102@acme.test>;q=0.5']));
    const moved = await desk.nextRequest('INVITE');
    expect(uriOf(fieldOf(moved, 'To'))).toBe('sip:102@acme.test');
    desk.send(responseTo(moved, '302 Moved Temporarily', 'm', ['Contact: <sip:101@acme.test>']));
    const answer = await carrier.nextAnswer();
    expect(statusOf(answer)).toBe(482);
    carrier.send(ackOf(carrier, invite, answer));
  });

  test('a phone’s 302 to an E.164 number leaves by the carrier, with the phone’s caller ID', async () => {
    const invite = insideInvite('102');
    dialler.send(invite);
    desk.send(responseTo(await desk.nextRequest('INVITE'), '302 Moved', 'm', [`Contact: <sip:${E164}@acme.test>`]));
    const outside = await carrier.nextRequest('INVITE');
    expect(outside.startLine).toContain(`sip:${E164}@`);
    expect(uriOf(fieldOf(outside, 'From'))).toBe('sip:14155550100@acme.test');
    carrier.send(responseTo(outside, '486 Busy Here', 'b'));
    const answer = await dialler.nextAnswer();
    expect(statusOf(answer)).toBe(486);
    dialler.send(ackOf(dialler, invite, answer));
  });

  test('a carrier’s 302 with an E.164 number is called without the access code', async () => {
    const invite = phoneInvite(dialler);
    dialler.send(invite);
    carrier.send(
      responseTo(await carrier.nextRequest('INVITE'), '302 Moved', 'm', [`Contact: <sip:${E164}@127.0.0.1>`]),
    );
    await carrier.nextRequest('ACK');
    const again = await carrier.nextRequest('INVITE');
    expect(again.startLine).toContain(`sip:${E164}@`);
    carrier.send(responseTo(again, '404 Not Found', 'n'));
    const answer = await dialler.nextAnswer();
    dialler.send(ackOf(dialler, invite, answer));
    expect(statusOf(answer)).toBe(404);
  });

  test.each([
    { 'Remote-Party-ID': `<sip:${E164}@h>;party=calling;privacy=full` },
    { 'Remote-Party-ID': [`<sip:1@h>;party=called;privacy=off`, `<sip:${E164}@h>;privacy=uri`] },
    { 'P-Asserted-Identity': `<sip:${E164}@h>`, Privacy: 'id', 'Proxy-Require': 'privacy' },
    { From: '<sip:anonymous@carrier.example>;tag=x' },
  ])('a carrier’s caller is withheld: %j', async (fields) => {
    const invite = toPhone(fields as Record<string, string>);
    carrier.send(invite);
    const shown = await phone.nextRequest('INVITE');
    expect(fieldOf(shown, 'From')).toContain('sip:anonymous@anonymous.invalid');
    expect(shown.text).not.toContain('2079460001');
    phone.send(responseTo(shown, '486 Busy Here', 'b'));
    const answer = await carrier.nextAnswer();
    carrier.send(ackOf(carrier, invite, answer));
    expect(statusOf(answer)).toBe(486);
  });

  test('the offer of a carrier’s UPDATE reaches a phone without UPDATE as a re-INVITE', async () => {
    const standing = await call(carrier, toPhone(), phone, PHONE_ALLOWS);
    carrier.send(
      inDialog(
        carrier,
        standing.caller,
        'UPDATE',
        2,
        { Contact: `<sip:c@${carrier.hostPort}>`, 'Content-Type': 'application/sdp' },
        SDP,
      ),
    );
    const offer = await phone.nextRequest('INVITE');
    expect(offer.body).toBe(SDP);
    phone.send(accept(phone, offer, ''));
    const answer = await carrier.nextAnswer();
    expect(statusOf(answer)).toBe(200);
    expect(answer.body).toBe(SDP);
    await phone.nextRequest('ACK');
    expect(phone.received.some(({ startLine }) => startLine.startsWith('UPDATE'))).toBe(false);
    await end(carrier, standing, phone);
  });

  test.each([undefined, 'application / sdp'])(
    'the offer of an UPDATE whose Content-Type is %s arrives',
    async (type) => {
      const standing = await call(carrier, toPhone(), phone, ['Allow: INVITE, ACK, CANCEL, BYE, UPDATE']);
      const update = { Contact: `<sip:c@${carrier.hostPort}>`, 'Content-Type': type };
      carrier.send(inDialog(carrier, standing.caller, 'UPDATE', 2, update, SDP));
      const offer = await phone.nextRequest('UPDATE');
      expect([offer.body, fieldOf(offer, 'Content-Type')]).toEqual([SDP, type ?? 'application/sdp']);
      phone.send(responseTo(offer, '200 OK', '', [`Contact: <sip:101@${phone.hostPort}>`], SDP));
      const answer = await carrier.nextAnswer();
      expect([statusOf(answer), answer.body, fieldOf(answer, 'Content-Type')]).toEqual([200, SDP, 'application/sdp']);
      await end(carrier, standing, phone);
    },
  );

  test.each(['501 Not Implemented', '405 Method Not Allowed'])(
    'a phone that allows UPDATE and answers %s is given the offer in a re-INVITE',
    async (refusal) => {
      const standing = await call(carrier, toPhone(), phone, ['Allow: INVITE, ACK, CANCEL, BYE, UPDATE']);
      const update = { Contact: `<sip:c@${carrier.hostPort}>`, 'Content-Type': 'application/sdp' };
      carrier.send(inDialog(carrier, standing.caller, 'UPDATE', 2, update, SDP));
      phone.send(responseTo(await phone.nextRequest('UPDATE'), refusal, ''));
      const offer = await phone.nextRequest('INVITE');
      phone.send(accept(phone, offer, ''));
      await phone.nextRequest('ACK');
      const answer = await carrier.nextAnswer();
      expect([statusOf(answer), answer.body]).toEqual([200, SDP]);
      await end(carrier, standing, phone);
    },
  );

  test.each([
    ['out', 'INVITE, ACK, CANCEL, BYE, INFO', ['INFO']],
    ['in', 'INVITE, ACK, CANCEL, BYE, UPDATE', ['UPDATE']],
    ['inside', 'INVITE, ACK, CANCEL, BYE', []],
  ])('the INVITE of a call %s promises what its caller can do: %s', async (direction, allow, promised) => {
    const changes = { Allow: allow };
    const from = direction === 'in' ? carrier : dialler;
    const to = direction === 'out' ? carrier : direction === 'in' ? phone : desk;
    const text =
      direction === 'out'
        ? phoneInvite(from, changes)
        : direction === 'in'
          ? toPhone(changes)
          : insideInvite('102', changes);
    const standing = await call(from, text, to);
    const offered = fieldOf(standing.invite, 'Allow').split(', ');
    expect(['UPDATE', 'INFO', 'MESSAGE', 'NOTIFY'].filter((method) => offered.includes(method))).toEqual(promised);
    expect(offered).toContain('PRACK');
    await end(from, standing, to);
  });

  test('an anonymous call stays anonymous in its dialog, and a relayed field leaves once', async () => {
    const telling = {
      Subject: 'secret',
      'X-Account': 'secret',
      'Alert-Info': '<http://secret/>',
      'User-Agent': 'secret',
      Reason: 'SIP;cause=200;text="secret"',
    };
    for (const anonymous of [true, false]) {
      const standing = await call(dialler, phoneInvite(dialler, anonymous ? { Privacy: 'id' } : {}), carrier);
      const told: WireMessage[] = [];
      dialler.send(inDialog(dialler, standing.caller, 'INFO', 2, { ...telling, 'Content-Type': 'text/x' }, 'x'));
      told.push(await carrier.nextRequest('INFO'));
      carrier.send(responseTo(told[0] as WireMessage, '200 OK', ''));
      await dialler.nextAnswer();
      dialler.send(
        inDialog(dialler, standing.caller, 'INVITE', 3, { ...telling, 'Content-Type': 'application/sdp' }, SDP),
      );
      const offer = await carrier.nextRequest('INVITE');
      told.push(offer);
      carrier.send(accept(carrier, offer, ''));
      const answer = await dialler.nextAnswer();
      dialler.send(inDialog(dialler, dialogOfCaller(answer), 'ACK', 3, { Contact: undefined }));
      await carrier.nextRequest('ACK');
      for (const message of told) {
        expect(message.text.includes('secret')).toBe(!anonymous);
        expect(valuesOf(message, 'Subject')).toHaveLength(anonymous ? 0 : 1);
      }
      await end(dialler, standing, carrier);
    }
  });

  test('fields of the tenant’s own cross either way, in requests and in answers', async () => {
    const calls: [Party, string, Party][] = [
      [dialler, phoneInvite(dialler, { 'X-Account': ['a, b', 'c'] }), carrier],
      [carrier, carrierInvite(carrier, { 'X-Account': ['a, b', 'c'] }, '14155550102'), desk],
      [dialler, insideInvite('102', { 'X-Account': ['a, b', 'c'] }), desk],
    ];
    for (const [from, text, to] of calls) {
      const standing = await call(from, text, to, ['X-Account: d', 'X-Account: e', 'X-Other: f']);
      expect(valuesOf(standing.invite, 'X-Account')).toEqual(['a, b', 'c']);
      expect([valuesOf(standing.answer, 'X-Account'), valuesOf(standing.answer, 'X-Other')]).toEqual([['d', 'e'], []]);
      for (const [sender, taker, dialog] of [
        [from, to, standing.caller],
        [to, from, standing.callee],
      ] as const) {
        const fields = { 'X-Account': ['g', 'h'], 'X-Other': 'i', 'Content-Type': 'text/x' };
        sender.send(inDialog(sender, dialog, 'INFO', 5, fields, 'x'));
        const info = await taker.nextRequest('INFO');
        taker.send(responseTo(info, '200 OK', '', ['X-Account: j', 'X-Other: k']));
        const told = [info, await sender.nextAnswer()];
        expect(told.map((message) => [valuesOf(message, 'X-Account'), valuesOf(message, 'X-Other')])).toEqual([
          [['g', 'h'], []],
          [['j'], []],
        ]);
      }
      const at = to.received.length;
      const ending = { 'X-Account': ['l', 'm'], 'X-Other': 'n', 'Content-Type': 'application/ISUP;version=itu-t92+' };
      from.send(inDialog(from, standing.caller, 'BYE', 20, ending, RELEASE));
      if (to !== carrier) to.send(responseTo(await to.nextRequest('BYE'), '200 OK', ''));
      expect(statusOf(await from.nextAnswer())).toBe(200);
      const bye = await eventually('the BYE', () => to.received.slice(at).find((each) => methodOf(each) === 'BYE'));
      expect([valuesOf(bye, 'X-Account'), valuesOf(bye, 'X-Other')]).toEqual([['l', 'm'], []]);
      expect([bye.body, fieldOf(bye, 'Content-Type')]).toEqual([RELEASE, ending['Content-Type']]);
    }
  });

  test('a re-INVITE that comes before the phone’s ACK waits for it', async () => {
    const invite = phoneInvite(dialler);
    dialler.send(invite);
    const called = await carrier.nextRequest('INVITE');
    carrier.send(accept(carrier, called, 'early'));
    const answer = await dialler.nextAnswer(200);
    await carrier.nextRequest('ACK');
    const callee = dialogOfCallee(called, 'early');
    carrier.send(inDialog(carrier, callee, 'INVITE', 2, { 'Content-Type': 'application/sdp' }, SDP));
    await carrier.next((message) => statusOf(message) === 100, 'the 100');
    dialler.send(ackOf(dialler, invite, answer));
    const offer = await dialler.nextRequest('INVITE');
    dialler.send(accept(dialler, offer, ''));
    const accepted = await carrier.nextAnswer();
    expect(statusOf(accepted)).toBe(200);
    carrier.send(inDialog(carrier, callee, 'ACK', 2, { Contact: undefined }));
    await dialler.nextRequest('ACK');
    dialler.send(inDialog(dialler, dialogOfCaller(answer), 'BYE', 20));
    expect(statusOf(await dialler.nextAnswer())).toBe(200);
  });

  test('REFER with a Replaces that names nothing: NOTIFY 481 and no call', async () => {
    const before = invitesOf(desk);
    const standing = await call(dialler, phoneInvite(dialler), carrier);
    const referTo = '<sip:102@acme.test?Replaces=nosuch%3Bto-tag%3Da%3Bfrom-tag%3Db>';
    dialler.send(inDialog(dialler, standing.caller, 'REFER', 2, { 'Refer-To': referTo }));
    expect(statusOf(await dialler.nextAnswer())).toBe(202);
    for (;;) {
      const notify = await dialler.nextRequest('NOTIFY');
      dialler.send(responseTo(notify, '200 OK', ''));
      if (notify.body.startsWith('SIP/2.0 100')) continue;
      expect(notify.body).toContain('SIP/2.0 481');
      break;
    }
    expect(invitesOf(desk)).toBe(before);
    await end(dialler, standing, carrier);
  });

  test('RFC 5589 §7.6, REFER to a phone that still rings and has one line: it is free before the other party rings there', async () => {
    const standing = await call(dialler, phoneInvite(dialler), carrier);
    // Two calls are joined that are at one worker; over UDP, at an address that is a trunk's too, they are dealt by Call-ID.
    const placeOf = (message: WireMessage) => uriOf(fieldOf(message, 'Contact')).replace(/^.*@/, '');
    let invite: string;
    let first: WireMessage;
    let ringing: WireMessage;
    for (;;) {
      invite = insideInvite('102');
      dialler.send(invite);
      first = await desk.nextRequest('INVITE');
      desk.send(responseTo(first, '180 Ringing', 'early', [`Contact: <sip:102@${desk.hostPort}>`]));
      ringing = await dialler.next((message) => statusOf(message) === 180, 'the 180');
      if (placeOf(ringing) === placeOf(standing.answer)) break;
      desk.send(responseTo(first, '486 Busy Here', 'early'));
      dialler.send(ackOf(dialler, invite, await dialler.nextAnswer(486)));
    }
    const tagOf = (message: WireMessage, name: string) => /;tag=([^;\s]+)/.exec(fieldOf(message, name))?.[1] ?? '';
    const named = `${fieldOf(ringing, 'Call-ID')};to-tag=${tagOf(ringing, 'To')};from-tag=${tagOf(ringing, 'From')}`;
    const referTo = `<sip:102@acme.test?Replaces=${encodeURIComponent(named)}>`;
    const heard: string[] = [];
    dialler.serves = (message) => {
      if (!message.startLine.startsWith('NOTIFY')) return undefined;
      heard.push(message.body.split('\r\n')[0] ?? '');
      return responseTo(message, '200 OK', '');
    };
    dialler.send(inDialog(dialler, standing.caller, 'REFER', 2, { 'Refer-To': referTo }));
    expect(statusOf(await dialler.nextAnswer(202))).toBe(202);
    dialler.send(ackOf(dialler, invite, await dialler.nextAnswer(487)));
    desk.send(responseTo(await desk.nextRequest('CANCEL'), '200 OK', 'early'));
    const before = invitesOf(desk);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(invitesOf(desk)).toBe(before);
    desk.send(responseTo(first, '487 Request Terminated', 'early'));
    const toDesk = await desk.nextRequest('INVITE');
    expect(fieldOf(toDesk, 'Call-ID')).not.toBe(fieldOf(first, 'Call-ID'));
    desk.send(accept(desk, toDesk, 'anew'));
    const toCarrier = await carrier.nextRequest('INVITE');
    carrier.send(accept(carrier, toCarrier, ''));
    await carrier.nextRequest('ACK');
    await desk.nextRequest('ACK');
    await expect.poll(() => heard.at(-1)).toBe('SIP/2.0 200 OK');
    dialler.send(inDialog(dialler, standing.caller, 'BYE', 40));
    expect(statusOf(await dialler.nextAnswer())).toBe(200);
    desk.send(inDialog(desk, dialogOfCallee(toDesk, 'anew'), 'BYE', 30));
    expect(statusOf(await desk.nextAnswer())).toBe(200);
    await expect.poll(() => carrier.received.at(-1)?.startLine).toMatch(/^BYE /);
    dialler.serves = () => undefined;
  });

  test('BYE of a phone that rings is 481, and it may still answer', async () => {
    const invite = toPhone();
    carrier.send(invite);
    const ringing = await phone.nextRequest('INVITE');
    phone.send(responseTo(ringing, '180 Ringing', 'early', [`Contact: <sip:101@${phone.hostPort}>`]));
    await carrier.next((message) => statusOf(message) === 180, 'the 180');
    phone.send(inDialog(phone, dialogOfCallee(ringing, 'early'), 'BYE', 1));
    expect(statusOf(await phone.nextAnswer())).toBe(481);
    phone.send(accept(phone, ringing, 'early'));
    const answer = await carrier.nextAnswer(200);
    carrier.send(ackOf(carrier, invite, answer));
    await phone.nextRequest('ACK');
    carrier.send(inDialog(carrier, dialogOfCaller(answer), 'BYE', 2));
    phone.send(responseTo(await phone.nextRequest('BYE'), '200 OK', ''));
    expect(statusOf(await carrier.nextAnswer())).toBe(200);
  });

  test('the connected number of a trusted carrier, and after an attended transfer each phone the other', async () => {
    const outside = await call(dialler, phoneInvite(dialler), carrier, [`P-Asserted-Identity: "Desk" <sip:${E164}@h>`]);
    expect(fieldOf(outside.answer, 'P-Asserted-Identity')).toBe(`"Desk" <sip:${E164}@acme.test>`);
    // Two calls are joined that are at one worker; over UDP, at an address that is a trunk's too, they are dealt by Call-ID.
    const placeOf = ({ answer }: StandingCall) => uriOf(fieldOf(answer, 'Contact')).replace(/^.*@/, '');
    let inside = await call(dialler, insideInvite('102'), desk);
    while (placeOf(inside) !== placeOf(outside)) {
      await end(dialler, inside, desk);
      inside = await call(dialler, insideInvite('102'), desk);
    }
    expect(fieldOf(inside.answer, 'P-Asserted-Identity')).toBe('"Bob" <sip:102@acme.test>');
    const { callId, local, remote } = inside.caller;
    const tag = (value: string) => /;tag=([^;]+)/.exec(value)?.[1] ?? '';
    const replaces = encodeURIComponent(`${callId};to-tag=${tag(remote)};from-tag=${tag(local)}`);
    dialler.serves = (message) =>
      message.startLine.startsWith('NOTIFY') || message.startLine.startsWith('BYE')
        ? responseTo(message, '200 OK', '')
        : undefined;
    dialler.send(
      inDialog(dialler, outside.caller, 'REFER', 2, { 'Refer-To': `<sip:102@acme.test?Replaces=${replaces}>` }),
    );
    const toDesk = await desk.nextRequest('INVITE');
    expect(fieldOf(toDesk, 'P-Asserted-Identity')).toBe(`"Desk" <sip:${E164}@acme.test>`);
    desk.send(accept(desk, toDesk, ''));
    const toCarrier = await carrier.nextRequest('INVITE');
    expect(fieldOf(toCarrier, 'P-Asserted-Identity')).toBe('');
    carrier.send(accept(carrier, toCarrier, ''));
    await carrier.nextRequest('ACK');
    await desk.nextRequest('ACK');
    desk.send(inDialog(desk, inside.callee, 'BYE', 30));
    expect(statusOf(await desk.nextAnswer())).toBe(200);
    for (const each of [outside, inside]) dialler.send(inDialog(dialler, each.caller, 'BYE', 40));
  });
});
