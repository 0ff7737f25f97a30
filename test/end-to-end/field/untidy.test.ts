import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { octetsFromText } from '../../../src/sip/message/index.ts';
import { fieldOf, type WireMessage } from '../outbound/wire-message.ts';
import {
  accept,
  ackOf,
  ask,
  call,
  carrierInvite,
  connectCarrier,
  dialogOfCaller,
  type FieldChanges,
  type FieldWorld,
  inDialog,
  type Party,
  phoneInvite,
  requestOf,
  responseTo,
  startField,
  statusOf,
  token,
  WAYS,
} from './world.ts';

/** Over a stream nobody knows where the next message begins: the connection ends, which the framer's tests show. */
const AMBIGUOUS: Readonly<Record<'datagram' | 'stream', [string, (text: string) => string][]>> = {
  datagram: [
    ['two different Content-Length', (text) => text.replace('Content-Length', 'Content-Length: 1\r\nContent-Length')],
  ],
  stream: [],
};

describe.each(WAYS)('over %s at %s', (transport, host) => {
  let world: FieldWorld;
  /** Extension 102, registered. */
  let desk: Party;

  beforeAll(async () => {
    world = await startField({
      carrier: transport,
      phones: transport,
      host,
      trunk: { options: { verifyPort: transport === 'udp', redirects: 'follow' } },
      tenant: {
        extensions: [
          {
            number: '101',
            name: 'Alice',
            password: 'secret-101',
            trustedAddresses: [host === '::1' ? host : '127.0.0.2'],
          },
          { number: '102', name: 'Bob', password: 'secret-102' },
          { number: '103', name: 'Carol', password: 'secret-103', forward: { always: '9442079460999' } },
        ],
      },
    });
    desk = await world.party();
    expect(statusOf(await ask(desk, register(desk), 'secret-102', '102'))).toBe(200);
    await connectCarrier(world);
  });
  afterAll(() => world.stop());

  function register(party: Party, changes: FieldChanges = {}): string {
    return requestOf(party, 'REGISTER sip:acme.test SIP/2.0', {
      From: `<sip:102@acme.test>;tag=${token()}`,
      To: '<sip:102@acme.test>',
      Contact: `<sip:102@${party.hostPort}>`,
      ...changes,
    });
  }

  /** Sends the carrier's INVITE to extension 102 and gives what the phone gets; the call is ended. */
  async function rung(changes: FieldChanges, edit = (text: string) => text): Promise<string> {
    const { carrier } = world;
    const text = edit(carrierInvite(carrier, changes, '14155550102'));
    carrier.send(text);
    const invite = await desk.nextRequest('INVITE');
    desk.send(responseTo(invite, '486 Busy Here', token()));
    await desk.nextRequest('ACK');
    carrier.send(ackOf(carrier, text, await carrier.nextAnswer()));
    return invite.text;
  }

  test('a REGISTER for which the first proxy requires `path` is taken (3GPP TS 24.229 §5.2.2)', async () => {
    const way = { Path: `<sip:${desk.hostPort};lr>`, Supported: 'path' };
    const answer = await ask(desk, register(desk, { ...way, Require: 'path' }), 'secret-102', '102');
    expect([statusOf(answer), fieldOf(answer, 'Path')]).toEqual([200, way.Path]);
    expect(await rung({})).toContain(`\r\nRoute: ${way.Path}\r\n`);
    expect(statusOf(await ask(desk, register(desk), 'secret-102', '102'))).toBe(200);
  });

  test('lines that end with LF alone: registers, calls, answers and hangs up (RFC 2543)', async () => {
    const bare = (text: string) => {
      const end = text.indexOf('\r\n\r\n') + 4;
      return text.slice(0, end).replaceAll('\r\n', '\n') + text.slice(end);
    };
    const { phone, carrier } = world;
    const signsIn = register(desk);
    expect(statusOf(await ask(desk, signsIn, 'secret-102', '102'))).toBe(200);
    desk.send(bare(signsIn.replace(/branch=[^\r;]*/, `branch=z9hG4bK${token()}`)));
    expect([401, 407]).toContain(statusOf(await desk.nextAnswer()));
    const text = phoneInvite(phone);
    phone.send(bare(text));
    const invite = await carrier.nextRequest('INVITE');
    expect(invite.text.endsWith(text.slice(text.indexOf('\r\n\r\n')))).toBe(true);
    carrier.send(bare(accept(carrier, invite, token())));
    const answer = await phone.nextAnswer(200);
    phone.send(bare(ackOf(phone, text, answer)));
    await carrier.nextRequest('ACK');
    phone.send(bare(inDialog(phone, dialogOfCaller(answer), 'BYE', 2)));
    expect(statusOf(await phone.nextAnswer())).toBe(200);
  });

  test.each([
    ['an account', '<sip:trunk-account@carrier.test>'],
    ['the number that was dialled before the call was sent on', '"Office" <sip:+442079460000@carrier.test;user=phone>'],
    ['a URI of another scheme', '<mailto:office@carrier.test>'],
  ])('§8.2.2.1: a call to the DID of the Request-URI, with %s in To', async (_what, To) => {
    expect(await rung({ To })).toContain('\r\nP-Called-Party-ID: <sip:14155550102@acme.test>\r\n');
  });

  describe('callers as carriers write them', () => {
    test.each([
      ['an empty user', '"Anonymous" <sip:@127.0.0.1>;tag=1', /^From: "Anonymous" </m],
      ['no user', '<sip:127.0.0.1>;tag=1', /^From: /m],
      ['no URI', 'Anonymous;tag=1', /^From: "Anonymous" <sip:anonymous@anonymous\.invalid>/m],
      ['empty brackets', '"Anonymous" <>;tag=1', /^From: "Anonymous" <sip:anonymous@anonymous\.invalid>/m],
      ['an empty host', '<sip:anonymous@>;tag=1', /^From: "Anonymous" <sip:anonymous@anonymous\.invalid>/m],
      ['a dash for a user', '<sip:-@127.0.0.1>;tag=1', /^From: "Anonymous" <sip:anonymous@anonymous\.invalid>/m],
      ['an unquoted comma', 'ACME, Inc. <sip:+442079460001@127.0.0.1>;tag=1', /^From: "ACME, Inc\." </m],
      ['an unquoted colon', 'Dept: A <sip:+442079460001@127.0.0.1>;tag=1', /^From: "Dept: A" </m],
      ['an unquoted semicolon', 'ACME; Inc <sip:+442079460001@127.0.0.1>;tag=1', /^From: "ACME; Inc" </m],
      ['an empty user and password', '<sip::@127.0.0.1>;tag=1', /^From: .*anonymous/m],
      ['a user in UTF-8', `<sip:${octetsFromText('山')}@127.0.0.1>;tag=1`, /^From: <sip:%E5%B1%B1@/m],
      ['a user in escaped UTF-8', '<sip:Zo%C3%AB@127.0.0.1>;tag=1', /^From: <sip:Zo%C3%AB@/m],
      [
        'a name that is quoted in part',
        '"ACME" Inc "of" Ohio <sip:+442079460001@127.0.0.1>;tag=1',
        /^From: "ACME Inc of Ohio" </m,
      ],
      ['a name in quotes twice', '""ACME"" <sip:+442079460001@127.0.0.1>;tag=1', /^From: "ACME" </m],
      ['spaces in the brackets', '< sip:+442079460001@127.0.0.1 >;tag=1', /^From: .*<sip:\+?442079460001@/m],
      ['an empty tag', '<sip:+442079460001@127.0.0.1>;tag=', /^From: .*442079460001/m],
      ['no scheme', '"ACME" <+442079460001@127.0.0.1>;tag=1', /^From: "ACME" <sip:\+442079460001@/m],
      ['a number alone', '+44-2079460001;tag=1', /^From: <sip:\+442079460001@/m],
      ['a number for a host', '"ACME" <sip:+442079460001>;tag=1', /^From: "ACME" <sip:\+442079460001@/m],
      ['a number and no host', '<sip:442079460001@>;tag=1', /^From: <sip:442079460001@/m],
      ['the same tag twice', '<sip:+442079460001@127.0.0.1>;tag=x;tag=x', /^From: .*442079460001/m],
      ['a name in ISO-8859-1', '"Jos\u00e9" <sip:+442079460001@127.0.0.1>;tag=1', /^From: "Jos\u00e9" </m],
      [
        'a name in UTF-8',
        `"${octetsFromText('山田')}" <sip:+442079460001@127.0.0.1>;tag=1`,
        new RegExp(`^From: "${octetsFromText('山田')}" <`, 'm'),
      ],
    ])('%s', async (_what, From, expected) => {
      expect(await rung({ From })).toMatch(expected);
    });

    test.each([
      ['two spaces before the version', (text: string) => text.replace(' SIP/2.0\r\n', '  SIP/2.0\r\n')],
      [
        'a session timer that cannot be read',
        (text: string) => text.replace('CSeq', 'Session-Expires: soon\r\nMin-SE: x\r\nCSeq'),
      ],
      ['a comment in Via', (text: string) => text.replace(/(\r\nVia: [^\r]*)/, '$1 (Acme SBC 1.0)')],
      [
        'a comma in a comment in Via',
        (text: string) => text.replace(/(\r\nVia: [^\r]*)/, '$1 (Acme, Inc.; SBC (1.0))'),
      ],
      [
        'a comma in a comment in a lower Via',
        (text: string) =>
          text.replace(/(\r\nVia: [^\r]*)/, '$1\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKl (Acme, Inc.; SBC)'),
      ],
      ['an empty Content-Type', (text: string) => text.replace('application/sdp', '')],
      ['a Content-Type that is no type', (text: string) => text.replace('application/sdp', '*/*')],
      ['an empty Max-Forwards', (text: string) => text.replace('Max-Forwards: 70', 'Max-Forwards:')],
      ...['256', 'abc', '70;x'].map((hops): [string, (text: string) => string] => [
        `Max-Forwards ${hops}`,
        (text) => text.replace('Max-Forwards: 70', `Max-Forwards: ${hops}`),
      ]),
      ['a line that is no field', (text: string) => text.replace('\r\nCSeq', '\r\nthis is no field\r\nCSeq')],
      [
        'an IPv6 address without brackets in Via',
        (text: string) => text.replace(/(Via: \S+) [^;]*/, '$1 2001:db8::9:5060'),
      ],
      ['spaces in Content-Type', (text: string) => text.replace('application/sdp', 'application / sdp')],
      ['a To without brackets around IPv6', (text: string) => text.replace(/(To: <sip:[^@]*@)[^>]*/, '$12001:db8::1')],
      [
        'a Contact without brackets around IPv6',
        (text: string) => text.replace(/(Contact: <sip:[^@]*@)[^>]*/, '$12001:db8::1:5060'),
      ],
      ['a Contact without a scheme', (text: string) => text.replace('Contact: <sip:', 'Contact: <')],
      ['a space in the scheme of a Contact', (text: string) => text.replace('Contact: <sip:', 'Contact: <Sip : ')],
      ['an open quote in a Contact', (text: string) => text.replace('Contact: <', 'Contact: "Acme <')],
      ['a To with two ports', (text: string) => text.replace(/(To: <sip:[^@]*@)[^>]*/, '$1127.0.0.1:5060:5060')],
      ['a To without a user', (text: string) => text.replace(/To: <sip:[^@]*@/, 'To: <sip:')],
      ['a To that is a number', (text: string) => text.replace(/To: <sip:([^@]*)@[^>]*>/, 'To: $1')],
      ['a lone % in URIs', (text: string) => text.replaceAll('@acme.test', '@acme.test;x=%zz;y=50%')],
      ['a lower-case version', (text: string) => text.replace(' SIP/2.0\r\n', ' sip/2.0\r\n')],
      [
        'Content-Type and Content-Length twice',
        (text: string) =>
          text.replace(/(Content-Type: [^\r]*\r\n)/, '$1$1').replace(/(Content-Length: [^\r]*\r\n)/, '$1$1'),
      ],
      [
        'rport and received twice',
        (text: string) => text.replace(';rport', ';rport;rport;received=192.0.2.1;received=192.0.2.1'),
      ],
    ])('%s', async (_what, edit) => {
      const text = await rung({}, edit);
      expect(text.match(/^Content-Type/gm)).toHaveLength(1);
    });

    test('a session description without Content-Type is told what it is (RFC 3261 §20.15)', async () => {
      expect(await rung({ 'Content-Type': undefined })).toMatch(/^Content-Type: application\/sdp\r$/m);
    });

    test.each<[string, (text: string) => string]>([
      [
        'a Contact that is a telephone number',
        (text: string) => text.replace(/Contact: <sip:[^>]*>/, 'Contact: <tel:+1>'),
      ],
      ['two different tags', (text: string) => text.replace(/(From: [^\r]*)/, '$1;tag=other')],
      ...AMBIGUOUS[transport === 'udp' ? 'datagram' : 'stream'],
    ])('refused at once: %s', async (_what, edit) => {
      const { carrier } = world;
      const text = edit(carrierInvite(carrier, {}, '14155550102'));
      carrier.send(text);
      // Not the last call's, sent again because its ACK came late.
      const isOurs = (message: WireMessage) => text.includes(fieldOf(message, 'Call-ID'));
      const answer = await carrier.next((message) => statusOf(message) >= 200 && isOurs(message), 'the answer');
      expect(statusOf(answer)).toBe(400);
      carrier.send(ackOf(carrier, text, answer));
    });

    test.each([
      ['UTF-8', octetsFromText('山田')],
      ['ISO-8859-1', 'Zo\u00eb'],
    ])('a call that is forwarded outside keeps the octets of a name in %s', async (_what, name) => {
      const { carrier } = world;
      const text = carrierInvite(
        carrier,
        { From: `"${name}" <sip:+81312345678@127.0.0.1>;tag=${token()}` },
        '14155550103',
      );
      carrier.send(text);
      const invite = await carrier.nextRequest('INVITE');
      expect(invite.text).toContain(`From: "${name}" <`);
      carrier.send(responseTo(invite, '486 Busy Here', token()));
      await carrier.nextRequest('ACK');
      const answer = await carrier.nextAnswer();
      expect(statusOf(answer)).toBe(486);
      carrier.send(ackOf(carrier, text, answer));
    });

    test('the next attempt of an INVITE that was refused is no merged request', async () => {
      const { carrier } = world;
      const same = { From: '<sip:+442079460001@127.0.0.1>;tag=fork', 'Call-ID': token() };
      for (const did of ['14155559999', '14155559998']) {
        const text = carrierInvite(carrier, same, did);
        carrier.send(text);
        const answer = await carrier.nextAnswer();
        expect(statusOf(answer)).toBe(404);
        carrier.send(ackOf(carrier, text, answer));
      }
    });
  });

  describe('phones', () => {
    test.each([
      '<sip:102@HERE;transport=udp;>',
      '<sip:102@HERE>;;q=;expires=;',
      '<sip:[102]|%@HERE>',
      '<sip:102@HERE;;lr;;>',
      '<sip:102@HERE;line=YWJj==;x=a@b,c>',
      '<sip:102@HERE;x-route-tag="cid:orange@192.0.2.1">',
      ', <sip:102@HERE>',
      'Desk, the one: 2 < sip:102@HERE >',
      '"Bob" <mailto:bob@acme.test>;q=0.1, <sip:102@HERE>',
      '<sip:102@2001:db8::1:5060;transport=udp>',
      '<102@HERE>',
      'Sip : 102@HERE',
      '"Bob <sip:102@HERE>',
    ])('Contact: %s is bound', async (contact) => {
      const party = await world.party();
      const text = register(party, { Contact: contact.replace('HERE', party.hostPort) });
      expect(statusOf(await ask(party, text, 'secret-102', '102'))).toBe(200);
      const gone = register(party, {
        Contact: `${contact.replace('HERE', party.hostPort).replace(/;;q.*$/, '')};expires=0`,
      });
      expect(statusOf(await ask(party, gone, 'secret-102', '102'))).toBe(200);
    });
  });

  describe('addresses of record as phones write them', () => {
    test.each([
      '<sip:102@acme.test.>',
      '<sip:102@ACME.test:5060;transport=udp;>',
      '<sips:102@acme.test>',
      '<sip:102%40acme.test@acme.test;user=phone>',
      'Desk, the one: 2 <sip:102:pw@acme.test>;tag=',
    ])('To: %s is that of 102', async (To) => {
      const party = await world.party();
      for (const Expires of ['600', '0'])
        expect(statusOf(await ask(party, register(party, { To, Expires }), 'secret-102', '102'))).toBe(200);
    });
  });

  test.runIf(transport === 'tls')('RFC 3261 §8.1.1.8, §12.1.1: SIPS on the one side, SIPS on the other', async () => {
    const { carrier } = world;
    const sips = (text: string) => text.replaceAll('sip:', 'sips:');
    expect(statusOf(await ask(desk, sips(register(desk)), 'secret-102', '102'))).toBe(200);
    const text = sips(carrierInvite(carrier, {}, '14155550102'));
    carrier.send(text);
    const invite = await desk.nextRequest('INVITE');
    // At the contact that it has without TLS all the way it is busy: else the engine waits there, with its CANCEL, for half a minute.
    desk.send(responseTo(await desk.nextRequest('INVITE'), '486 Busy Here', token()));
    await desk.nextRequest('ACK');
    expect([invite.startLine, fieldOf(invite, 'Contact')]).toEqual([
      expect.stringContaining('INVITE sips:102@'),
      expect.stringMatching(/^<sips:[^;]*>$/),
    ]);
    desk.send(accept(desk, invite, token(), [`Contact: <sips:102@${desk.hostPort}>`]));
    const answer = await carrier.nextAnswer(200);
    expect(fieldOf(answer, 'Contact')).toMatch(/^<sips:[^;]*>$/);
    carrier.send(ackOf(carrier, text, answer));
    await desk.nextRequest('ACK');
    carrier.send(inDialog(carrier, dialogOfCaller(answer), 'BYE', 2));
    desk.send(responseTo(await desk.nextRequest('BYE'), '200 OK', ''));
    expect(statusOf(await carrier.nextAnswer())).toBe(200);
    const gone = register(desk, { Contact: `<sips:102@${desk.hostPort}>`, Expires: '0' });
    for (const again of [gone, register(desk)]) expect(statusOf(await ask(desk, again, 'secret-102', '102'))).toBe(200);
  });

  describe('what ends a call is judged by what it needs', () => {
    const via = (party: Party) =>
      `SIP/2.0/${party.transport.toUpperCase()} ${party.hostPort};branch=z9hG4bK${token()} (Acme 1)`;
    test.each<[string, FieldChanges | ((party: Party) => FieldChanges)]>([
      ['a Require that nobody knows', { Require: ['foo', '100rel'] }],
      ['the method of CSeq in lower case', { CSeq: '2 bye' }],
      ['a comment in Via', (party) => ({ Via: via(party) })],
      ['a comma in a comment in Via', (party) => ({ Via: via(party).replace('Acme 1', 'Acme, Inc.') })],
      [
        'an IPv6 address without brackets in Via',
        (party) => ({ Via: via(party).replace(/(\S+) [^;]*/, '$1 fe80::9:5060;rport') }),
      ],
      ['two Max-Forwards', { 'Max-Forwards': ['70', '69'] }],
      ['an unreadable Contact', { Contact: '<sip:[>' }],
      ['a NUL in a name', { Contact: '"a\0b" <sip:101@h>', Subject: 'a\0b' }],
      ['a bare LF and a bare CR', { Subject: 'a\nX-Evil: y', 'User-Agent': 'a\rb' }],
      ['an unreadable Route and Record-Route', { Route: '<sip:[>', 'Record-Route': 'x y' }],
    ])('BYE with %s', async (_what, changes) => {
      const { phone, carrier } = world;
      const { caller } = await call(phone, phoneInvite(phone), carrier);
      phone.send(inDialog(phone, caller, 'BYE', 2, typeof changes === 'function' ? changes(phone) : changes));
      expect(statusOf(await phone.nextAnswer())).toBe(200);
    });

    test('CANCEL with an unreadable Contact, and all its Reasons', async () => {
      const { phone, carrier } = world;
      const text = phoneInvite(phone);
      phone.send(text);
      const invite = await carrier.nextRequest('INVITE');
      carrier.send(responseTo(invite, '180 Ringing', 'c'));
      await phone.next((message) => statusOf(message) === 180, 'the 180');
      const field = (name: string) => new RegExp(`\r\n${name}: ([^\r]*)`).exec(text)?.[1];
      const fields = { Via: field('Via'), From: field('From'), To: field('To'), 'Call-ID': field('Call-ID') };
      const Reason = ['Q.850;cause=16', 'SIP;cause=200;text="elsewhere"'];
      const uri = text.split(' ')[1];
      phone.send(
        requestOf(phone, `CANCEL ${uri} SIP/2.0`, { ...fields, CSeq: '1 CANCEL', Contact: '<sip:[>', Reason }),
      );
      const cancel = await carrier.nextRequest('CANCEL');
      expect(cancel.text.match(/^Reason: .*$/gm)?.map((line) => line.trim())).toEqual(
        Reason.map((value) => `Reason: ${value}`),
      );
      carrier.send(responseTo(cancel, '200 OK', 'c'));
      carrier.send(responseTo(invite, '487 Request Terminated', 'c'));
      await phone.nextAnswer(200);
      const refused = await phone.nextAnswer(487);
      phone.send(ackOf(phone, text, refused));
    });

    test.each(['A\0b', 'A\\\0b', 'A\u00e9\u0001', 'A\u007f'])('a 302 with %j in a name is followed', async (name) => {
      const { phone, carrier } = world;
      const text = phoneInvite(phone);
      phone.send(text);
      const contact = `Contact: "${name}" <sip:+442079460001@127.0.0.1>`;
      carrier.send(responseTo(await carrier.nextRequest('INVITE'), '302 Moved', 'm', [contact]));
      await carrier.nextRequest('ACK');
      const again = await carrier.nextRequest('INVITE');
      expect(again.startLine).toContain('sip:+442079460001@');
      carrier.send(responseTo(again, `486 B${name}`, 'n', [`Reason: Q.850;cause=17;text="${name}"`]));
      await carrier.nextRequest('ACK');
      const answer = await phone.nextAnswer();
      expect(statusOf(answer)).toBe(486);
      expect(answer.text).not.toContain('\0');
      phone.send(ackOf(phone, text, answer));
    });

    test.runIf(transport === 'udp')('datagrams without the empty line behind their fields', async () => {
      const { phone, carrier } = world;
      const cut = (text: string) => text.replace(/\r\n\r\n$/, '\r\n');
      const { caller } = await call(phone, phoneInvite(phone), carrier);
      phone.send(cut(inDialog(phone, caller, 'BYE', 2)));
      expect(statusOf(await phone.nextAnswer())).toBe(200);
      const text = phoneInvite(phone);
      phone.send(text);
      carrier.send(cut(responseTo(await carrier.nextRequest('INVITE'), '486 Busy Here', 'b')));
      const answer = await phone.nextAnswer();
      expect(statusOf(answer)).toBe(486);
      phone.send(cut(ackOf(phone, text, answer)));
      await carrier.nextRequest('ACK');
    });

    test('ACK with an unreadable Contact', async () => {
      const { phone, carrier } = world;
      const text = phoneInvite(phone);
      phone.send(text);
      carrier.send(accept(carrier, await carrier.nextRequest('INVITE'), token()));
      const answer = await phone.nextAnswer(200);
      phone.send(ackOf(phone, text, answer).replace('\r\nMax-Forwards', '\r\nContact: <sip:[>\r\nMax-Forwards'));
      phone.send(inDialog(phone, dialogOfCaller(answer), 'BYE', 2));
      const bye = await phone.next((message) => /CSeq: 2 BYE/.test(message.text), 'the answer to BYE');
      expect(bye.startLine).toBe('SIP/2.0 200 OK');
    });
  });
});
