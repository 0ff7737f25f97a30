import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { fieldOf, methodOf, once } from '../outbound/wire-message.ts';
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
  PHONE_HOST,
  phoneInvite,
  register,
  responseTo,
  SDP,
  startField,
  statusOf,
  token,
} from './world.ts';

/** What other peers write where `within-call.test.ts` has one of each kind. */
describe.each([
  ['udp', '127.0.0.1'],
  ['tls', '::1'],
] as const)('over %s at %s', (transport, host) => {
  let world: FieldWorld;
  let carrier: Party;
  /** Phone 101 as it calls, and 102, registered. */
  let dialler: Party;
  let desk: Party;
  /** Phone 104, registered, which sends its calls on. */
  let mover: Party;

  beforeAll(async () => {
    world = await startField({
      carrier: transport,
      phones: transport,
      host,
      tenant: {
        extensions: [
          {
            number: '101',
            name: 'Alice',
            password: 'secret-101',
            trustedAddresses: [host === '::1' ? host : PHONE_HOST],
          },
          { number: '102', name: 'Bob', password: 'secret-102' },
          { number: '103', name: 'Carol', password: 'secret-103', forward: { always: '9442079460999' } },
          { number: '104', name: 'Dave', password: 'secret-104' },
        ],
        inboundRules: [
          { name: 'direct', trunk: 'carrier', dids: '14155550101-14155550104', destination: { extensions: '101-104' } },
        ],
      },
      trunk: {
        outboundParameters: {
          from: [{ when: 'forwarded', user: 'OriginatorCallerID' }, {}],
          pAssertedIdentity: { user: { custom: '+1-(415)-555.0150' } },
        },
        options: { verifyPort: transport === 'udp', redirects: 'follow' },
        inboundParameters: {
          callerNumber: ['pAssertedIdentity.user', 'from.user'],
          callerDisplayName: ['pAssertedIdentity.displayName', 'from.displayName'],
        },
      },
    });
    ({ carrier, phone: dialler } = world);
    desk = await world.party();
    mover = await world.party();
    await register(desk, '102');
    await register(mover, '104');
    await connectCarrier(world);
  });
  afterEach(() => {
    for (const party of [dialler, carrier, desk, mover]) party.forget();
  });
  afterAll(() => world.stop());

  /** What an unanswered call's caller gets, when whoever it reaches last is busy. */
  async function busy(caller: Party, text: string, callee: Party, startLine: string | RegExp) {
    const invite = await callee.next(({ startLine: line }) => line.match(startLine) !== null, `${startLine}`);
    callee.send(responseTo(invite, '486 Busy Here', token()));
    const answer = await caller.nextAnswer();
    caller.send(ackOf(caller, text, answer));
    expect(statusOf(answer)).toBe(486);
    return invite;
  }

  describe('kind 12: where a phone sends its calls on to', () => {
    test.each([
      '<sip:102@acme.test.>',
      '<sip:102@localhost>',
      '"Bob" <sip:102@acme.test;user=phone>;reason=unconditional;screen=no',
      '<sip:102>',
      '<sip:102@>;q=0.5',
      '<102@acme.test>',
      '102',
      '<mailto:b@acme.test>, <sip:[>, <tel:102>;q=0.1',
      '<sip:102@acme.test?Reason=SIP%3Bcause%3D302>',
    ])('%s: 102 rings, of calls from inside and from outside', async (contact) => {
      for (const [from, text] of [
        [dialler, phoneInvite(dialler, {}, '104')],
        [carrier, carrierInvite(carrier, {}, '14155550104')],
      ] as const) {
        from.send(text);
        const ringing = await mover.nextRequest('INVITE');
        mover.send(responseTo(ringing, '302 Moved Temporarily', token(), [`Contact: ${contact}`]));
        await busy(from, text, desk, /^INVITE /);
        await mover.nextRequest('ACK');
      }
    });
  });

  describe('kind 12: where a phone transfers its peer to', () => {
    test.each([
      '102',
      '102@acme.test',
      '<sip:102>',
      'Bob, 2nd floor <sip:102@acme.test.;user=phone>',
      '<tel:102>',
      'sip:102@localhost',
    ])('%s: 102 rings', async (referTo) => {
      const standing = await call(dialler, phoneInvite(dialler), carrier);
      dialler.send(inDialog(dialler, standing.caller, 'REFER', 22, { 'Refer-To': referTo }));
      expect(statusOf(await dialler.nextAnswer())).toBe(202);
      desk.send(responseTo(await desk.nextRequest('INVITE'), '486 Busy Here', token()));
      for (let heard = ''; heard !== '486'; ) {
        const notify = await dialler.nextRequest('NOTIFY');
        dialler.send(responseTo(notify, '200 OK', ''));
        heard = notify.body.slice(8, 11);
      }
      dialler.send(inDialog(dialler, standing.caller, 'BYE', 30));
      expect(statusOf(await dialler.nextAnswer())).toBe(200);
    });
  });

  describe('kind 22: an E.164 number of a redirection', () => {
    test.each([
      ['<tel:+44-20-7946-0001>', '+442079460001'],
      ['<sip:+44(20)7946-0001@h;user=phone>', '+442079460001'],
      ['<sip:%2B442079460001;npdi;rn=+4412@h>', '+442079460001'],
      ['sip:+442079460001@h', '+442079460001'],
      ['<sip:442079460001@carrier.example>', '442079460001'],
      ['<sip:00442079460001@h>', '00442079460001'],
      ['ACME, Inc. < sip:+442079460001@h;transport=udp; >;q=0.5', '+442079460001'],
      ['<mailto:a@b>, <sip:[>, <sip:@h>;q=1, <sip:+442079460001@h>;q=0.1', '+442079460001'],
    ])('%s is called as %s', async (contact, called) => {
      const text = phoneInvite(dialler);
      dialler.send(text);
      carrier.send(responseTo(await carrier.nextRequest('INVITE'), '302 Moved', 'm', [`Contact: ${contact}`]));
      await busy(dialler, text, carrier, new RegExp(`^INVITE sip:${called.replace('+', '\\+')}@`));
    });
  });

  describe('kind 30: a transfer whose Replaces names nothing calls nobody', () => {
    const NOTHING = 'nosuch%40h%3Bto-tag%3Da%3Bfrom-tag%3Db';
    const cases: readonly (readonly [string, string])[] = [
      [`<sip:102@acme.test?replaces=${NOTHING.toLowerCase()}>`, '481'],
      [`<sip:102@acme.test?X=1&Replaces=${NOTHING}&Require=replaces>`, '481'],
      [`<sip:102@acme.test?Replaces=${NOTHING}%3Bearly-only>`, '481'],
      ['<sip:102@acme.test?Replaces=nosuch;to-tag=a;from-tag=b>', '481'],
      [`<sip:9442079460999@elsewhere.test?Replaces=${NOTHING}>`, '481'],
      [`sip:102@acme.test?Replaces=${NOTHING}`, '481'],
      ['<sip:102@acme.test?Replaces=nosuch>', '400'],
      [`<sip:102@acme.test?%52eplaces=${NOTHING}>`, '481'],
      [`<sip:102@acme.test?Replaces=${NOTHING}>\r\nRefer-To: <sip:102@acme.test?Replaces=${NOTHING}>`, '481'],
      [`<sip:102@acme.test?Replaces=${NOTHING}>\r\nr: <sip:103@acme.test>`, '400'],
      ['<sip:102@acme.test?Replaces=>', '400'],
      ['<sip:102@acme.test?Replaces>', '400'],
    ];

    test.each(cases)('%s: %s', async (referTo, status) => {
      const calls = [
        [dialler, await call(dialler, phoneInvite(dialler), carrier), 'caller'],
        [desk, await call(carrier, carrierInvite(carrier, {}, '14155550102'), desk), 'callee'],
      ] as const;
      const before = once(desk.received).filter((message) => methodOf(message) === 'INVITE').length;
      for (const [party, standing, side] of calls) {
        party.send(inDialog(party, standing[side], 'REFER', 22, { 'Refer-To': referTo }));
        const answer = await party.nextAnswer();
        let heard = String(statusOf(answer));
        while (heard === '202' || heard === '100') {
          const notify = await party.nextRequest('NOTIFY');
          party.send(responseTo(notify, '200 OK', ''));
          heard = notify.body.slice(8, 11);
        }
        expect(heard).toBe(status);
        party.send(inDialog(party, standing[side], 'BYE', 30));
        expect(statusOf(await party.nextAnswer())).toBe(200);
      }
      expect(once(desk.received).filter((message) => methodOf(message) === 'INVITE')).toHaveLength(before);
    });
  });

  describe('kind 32: BYE of who is called, before it has answered', () => {
    test.each(['carrier', 'phone'] as const)('%s: 481, and its own answer is the answer', async (who) => {
      const callee = who === 'carrier' ? carrier : desk;
      const text = phoneInvite(dialler, {}, who === 'carrier' ? undefined : '102');
      dialler.send(text);
      const invite = await callee.nextRequest('INVITE');
      const tag = token();
      callee.send(responseTo(invite, '183 Session Progress', tag, [`Contact: <sip:c@${callee.hostPort}>`]));
      await dialler.next((message) => statusOf(message) === 183, 'the 183');
      for (const sequence of [1, 2]) {
        callee.send(inDialog(callee, dialogOfCallee(invite, tag), 'BYE', sequence));
        expect(statusOf(await callee.nextAnswer())).toBe(481);
      }
      callee.send(responseTo(invite, '486 Busy Here', tag));
      const answer = await dialler.nextAnswer();
      expect(statusOf(answer)).toBe(486);
      dialler.send(ackOf(dialler, text, answer));
    });
  });

  describe('kind 35: who is connected, as carriers write it', () => {
    const NUMBER = '<sip:+442079460001@acme.test>';
    test.each([
      ['P-Asserted-Identity: ACME, Inc. <sip:+442079460001@h>', `"ACME, Inc." ${NUMBER}`],
      ['P-Asserted-Identity: <sip:[>, <sip:+442079460001@h;user=phone;>', NUMBER],
      ['P-Asserted-Identity: "Desk" <tel:+44-20-7946-0001>', `"Desk" ${NUMBER}`],
      ['P-Asserted-Identity: sip:+442079460001@h', NUMBER],
      ['P-Asserted-Identity: <sip:+442079460001;npdi;rn=+4412@h>, <tel:+442079460001>', NUMBER],
      [
        'Remote-Party-ID: ACME, Inc. <sip:+442079460001@h>;party=called;privacy=off;screen=yes',
        `"ACME, Inc." ${NUMBER}`,
      ],
      ['Remote-Party-ID: "Desk" <sip:+442079460001@h>;party=called;privacy=full', ''],
      ['P-Asserted-Identity: "Anonymous" <sip:anonymous@anonymous.invalid>', ''],
      ['P-Asserted-Identity: <mailto:desk@h>, <sip:+442079460001@h>', NUMBER],
      ['P-Asserted-Identity: <sip:@h>, "Desk" <tel:+442079460001>', `"Desk" ${NUMBER}`],
      ['P-Asserted-Identity: <urn:service:sos>\r\nP-Asserted-Identity: <SIP:+442079460001@H>', NUMBER],
      ['P-Asserted-Identity: <sip:h>\r\nRemote-Party-ID: <sip:+442079460001@h>;party=called', NUMBER],
      ['Remote-Party-ID: <sip:+442079460009@h>;party=calling, <sip:+442079460001@h>;PARTY=Called', NUMBER],
      ['P-Asserted-Identity : <sip:+442079460001:pw@h?x=y>', NUMBER],
      ['P-Asserted-Identity: "Unavailable" <sip:unavailable@unknown.invalid>', ''],
      ['P-Asserted-Identity: <sip:unknown@h>', ''],
      ['Privacy: none;id\r\nP-Asserted-Identity: <sip:+442079460001@h>', ''],
    ])('%s', async (line, shown) => {
      for (const isProvisional of [true, false]) {
        const text = phoneInvite(dialler);
        dialler.send(text);
        const invite = await carrier.nextRequest('INVITE');
        if (isProvisional) {
          carrier.send(responseTo(invite, '180 Ringing', 'c', [`Contact: <sip:c@${carrier.hostPort}>`, line]));
          const ringing = await dialler.next((message) => statusOf(message) === 180, 'the 180');
          expect(fieldOf(ringing, 'P-Asserted-Identity')).toBe(shown);
        }
        carrier.send(accept(carrier, invite, 'c', isProvisional ? [] : [line]));
        const answer = await dialler.nextAnswer(200);
        dialler.send(ackOf(dialler, text, answer));
        expect(fieldOf(answer, 'P-Asserted-Identity')).toBe(shown);
        await carrier.nextRequest('ACK');
        dialler.send(inDialog(dialler, dialogOfCaller(answer), 'BYE', 2));
        expect(statusOf(await dialler.nextAnswer())).toBe(200);
      }
    });
  });

  describe('kind 35: who is connected now, within the call', () => {
    const number = (name: string) => `"${name}" <sip:+442079460777@acme.test>`;
    test.each([
      ['INVITE', 'P-Asserted-Identity: ACME, Inc. <sip:+442079460777@h>', number('ACME, Inc.')],
      ['INVITE', 'Remote-Party-ID: "Desk" <sip:+442079460777@h>;party=calling', number('Desk')],
      ['INVITE', 'Remote-Party-ID: "Asterisk" <sip:+442079460777@h>;party=called;privacy=off', number('Asterisk')],
      ['UPDATE', 'Remote-Party-ID: "Asterisk" <sip:+442079460777@h>;party=called', number('Asterisk')],
      [
        'UPDATE',
        'Remote-Party-ID: "X" <sip:+442079460777@h>;party=called;privacy=full',
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
      ],
      ['UPDATE', 'P-Asserted-Identity: <sip:[>, "Desk" <tel:+44-20-7946-0777>', number('Desk')],
      ['UPDATE', 'P-Asserted-Identity: <mailto:desk@h>, "Desk" <sip:+442079460777@h>', number('Desk')],
      ['INVITE', 'P-Asserted-Identity: <sip:unavailable@unknown.invalid>, "D" <tel:+442079460777>', number('D')],
    ])('%s with %s', async (method, line, shown) => {
      const standing = await call(dialler, phoneInvite(dialler, { Allow: 'INVITE, ACK, BYE, UPDATE' }), carrier);
      const [name = '', value = ''] = line.split(/: (.*)/);
      const Contact = `<sip:c@${carrier.hostPort}>`;
      carrier.send(
        inDialog(carrier, standing.callee, method, 5, { [name]: value, Contact }, method === 'INVITE' ? SDP : ''),
      );
      const told = await dialler.nextRequest(method);
      expect(fieldOf(told, 'P-Asserted-Identity')).toBe(shown);
      dialler.send(method === 'INVITE' ? accept(dialler, told, '') : responseTo(told, '200 OK', ''));
      expect(statusOf(await carrier.nextAnswer())).toBe(200);
      if (method === 'INVITE') {
        carrier.send(inDialog(carrier, standing.callee, 'ACK', 5, { Contact: undefined }));
        await dialler.nextRequest('ACK');
      }
      dialler.send(inDialog(dialler, standing.caller, 'BYE', 30));
      expect(statusOf(await dialler.nextAnswer())).toBe(200);
    });
  });

  describe('kind 23: numbers leave without separators', () => {
    const caller = () => `"Ann" <sip:+44-(20)-7946.0001@${carrier.hostPort}>;tag=${token()}`;

    test('the caller and the DID of a call in', async () => {
      const text = carrierInvite(carrier, { From: caller() }, '1-(415)-555-0102');
      carrier.send(text);
      const invite = await busy(carrier, text, desk, /^INVITE /);
      expect(fieldOf(invite, 'From')).toContain('"Ann" <sip:+442079460001@acme.test>');
      expect(invite.text).not.toMatch(/7946\.0001|\(415\)/);
    });

    test('the caller of a call that is forwarded outside, and a fixed user part', async () => {
      const text = carrierInvite(carrier, { From: caller() }, '14155550103');
      carrier.send(text);
      const invite = await busy(carrier, text, carrier, /^INVITE sip:\+442079460999@/);
      expect(fieldOf(invite, 'From')).toContain('<sip:+442079460001@');
      expect(fieldOf(invite, 'P-Asserted-Identity')).toContain('<sip:+14155550150@');
    });
  });

  describe('kind 34: callers as the network asserts them, on calls in', () => {
    test.each([
      ['ACME, Inc. <sip:+442079460001@h>', '"ACME, Inc." <sip:+442079460001@acme.test>'],
      ['<sip:[>, "Desk" <sip:+442079460001@h>', '"Desk" <sip:+442079460001@acme.test>'],
    ])('P-Asserted-Identity: %s', async (value, shown) => {
      const From = `<sip:+4420700000@${carrier.hostPort}>;tag=${token()}`;
      const text = carrierInvite(carrier, { From, 'P-Asserted-Identity': value }, '14155550102');
      carrier.send(text);
      const invite = await busy(carrier, text, desk, /^INVITE /);
      expect(fieldOf(invite, 'From')).toContain(shown);
    });
  });

  describe('kind 29: what comes before the ACK of the other side', () => {
    /** A call whose caller has not acknowledged yet. */
    async function answered(caller: Party, text: string, callee: Party) {
      caller.send(text);
      const invite = await callee.nextRequest('INVITE');
      const tag = token();
      callee.send(accept(callee, invite, tag));
      const answer = await caller.nextAnswer(200);
      await callee.nextRequest('ACK');
      return { callee: dialogOfCallee(invite, tag), answer };
    }

    const CALLS: readonly (readonly [string, () => readonly [Party, string, Party]])[] = [
      ['phone to carrier', () => [dialler, phoneInvite(dialler), carrier]],
      ['carrier to phone', () => [carrier, carrierInvite(carrier, {}, '14155550102'), desk]],
      ['phone to phone', () => [dialler, phoneInvite(dialler, {}, '102'), desk]],
    ];

    test.each(
      CALLS.flatMap(([name, parties]) =>
        (['INVITE', 'UPDATE', 'INFO', 'BYE'] as const).map((method) => [name, method, parties] as const),
      ),
    )('%s: %s of the called side is served', async (_name, method, parties) => {
      const [caller, text, callee] = parties();
      const standing = await answered(caller, text, callee);
      const body = method === 'INVITE' || method === 'UPDATE' ? SDP : '';
      callee.send(inDialog(callee, standing.callee, method, 2, {}, body));
      if (method === 'INVITE') await callee.next((message) => statusOf(message) === 100, 'the 100');
      caller.send(ackOf(caller, text, standing.answer));
      // An UPDATE reaches a party that has not allowed it as a re-INVITE.
      const relayed = method === 'UPDATE' ? 'INVITE' : method;
      if (method === 'BYE' && caller === carrier) {
        // The world's carrier answers BYE by itself.
        expect(statusOf(await callee.nextAnswer())).toBe(200);
        return;
      }
      const request = await caller.nextRequest(relayed);
      caller.send(relayed === 'INVITE' ? accept(caller, request, '') : responseTo(request, '200 OK', ''));
      expect(statusOf(await callee.nextAnswer())).toBe(200);
      if (relayed === 'INVITE') await caller.nextRequest('ACK');
      if (method === 'INVITE') callee.send(inDialog(callee, standing.callee, 'ACK', 2, { Contact: undefined }));
      if (method === 'BYE') return;
      caller.send(inDialog(caller, dialogOfCaller(standing.answer), 'BYE', 20));
      if (callee !== carrier) callee.send(responseTo(await callee.nextRequest('BYE'), '200 OK', ''));
      expect(statusOf(await caller.nextAnswer())).toBe(200);
    });
  });
});
