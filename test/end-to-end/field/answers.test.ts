import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { fieldOf } from '../outbound/wire-message.ts';
import {
  accept,
  ackOf,
  call,
  dialogOfCaller,
  type FieldWorld,
  inDialog,
  phoneInvite,
  requestOf,
  responseTo,
  SDP,
  serveQuietly,
  startField,
  statusOf,
  token,
} from './world.ts';

/** Fields of an answer that its transaction does not need. */
const UNREADABLE: readonly (readonly [string, readonly string[]])[] = [
  ['a Contact that ends in a semicolon', ['Contact: <sip:g@HERE;lr;>;;expires=;']],
  ['a Contact with an empty user', ['Contact: <sip:@HERE>']],
  ['a Contact whose parameters nobody escaped', ['Contact: <sip:g@HERE;x=YQ==;y="b@c";z=d,e>']],
  ['an empty Contact and Record-Route', ['Contact:', 'Record-Route:']],
  ['a Contact with port 0', ['Contact: <sip:g@127.0.0.1:0>']],
  ['a Contact with the zone of an address', ['Contact: <sip:g@[fe80::1%eth0]:5060>']],
  ['a Contact without brackets around IPv6', ['Contact: <sip:g@2001:db8::1:5060>']],
  ['a Contact without a scheme', ['Contact: <g@HERE>']],
  ['a space in the scheme of a Contact', ['Contact: Sip : g@HERE']],
  ['spaces in the URI of a Contact', ['Contact: <sip:Front Desk@HERE; ob>']],
  ['an open quote in a Contact', ['Contact: "Acme <sip:g@HERE>']],
  ['a Contact behind a NAT', ['Contact: "PBX 2.1" <sip:192.168.1.20:5062;transport=UDP;user=phone>;isfocus']],
  ['a Record-Route without its brackets', ['Record-Route: sip:HERE;lr']],
  ['Allow', ['Allow: @@@, ;']],
  ['P-Asserted-Identity', ['P-Asserted-Identity: <sip:[>']],
  ['Reason and Warning', ['Reason: ;;', 'Warning: x']],
  ['Session-Expires', ['Session-Expires: soon']],
  ['a line that is no field', ['this is no field']],
  ['two Max-Forwards and two Date', ['Max-Forwards: 1', 'Max-Forwards: 2', 'Date: x', 'Date: y']],
];

describe.each(['udp', 'tcp'] as const)('an answer of the carrier over %s', (transport) => {
  let world: FieldWorld;
  beforeAll(async () => {
    world = await startField({ carrier: transport });
  });
  afterAll(() => world.stop());

  test.each(UNREADABLE)('a 200 with %s answers the call', async (_what, more) => {
    const { phone, carrier } = world;
    const lines = more.map((line) => line.replace('HERE', carrier.hostPort));
    const { caller } = await call(phone, phoneInvite(phone), carrier, lines);
    phone.send(inDialog(phone, caller, 'BYE', 2));
    expect(statusOf(await phone.nextAnswer())).toBe(200);
  });

  test.each<[string, (text: string) => string]>([
    ['the method of CSeq in lower case', (text) => text.replace(' INVITE\r', ' invite\r')],
    [
      'the Via of a proxy',
      (text) => text.replace(/(Via: [^\r]*\r\n)/, '$1Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKproxy\r\n'),
    ],
    ['a comment in Via', (text) => text.replace(/(Via: [^\r]*)/, '$1 (Acme Gateway)')],
    ['a comma in a comment in Via', (text) => text.replace(/(Via: [^\r]*)/, '$1 (Acme, Inc. Gateway)')],
    ['more than parameters in Via', (text) => text.replace(/(Via: [^\r]*)/, '$1 gw-1')],
    ['an address without brackets in Via', (text) => text.replace(/(Via: \S+) [^;]*/, '$1 fe80::1:5060')],
    ['more than the method in CSeq', (text) => text.replace(' INVITE\r', ' INVITE;x=y\r')],
    [
      'a name with a space, a line without a colon',
      (text) => text.replace('\r\nCSeq', '\r\nX Y: z\r\nnothing\r\nCSeq'),
    ],
    ['neither From nor To', (text) => text.replace(/\r\n(?:From|To): [^\r]*/g, '')],
  ])('a 200 with %s reaches its INVITE', async (_what, edit) => {
    const { phone, carrier } = world;
    const text = phoneInvite(phone);
    phone.send(text);
    carrier.send(edit(accept(carrier, await carrier.nextRequest('INVITE'), token())));
    await carrier.nextRequest('ACK');
    const answer = await phone.nextAnswer(200);
    phone.send(ackOf(phone, text, answer));
    phone.send(inDialog(phone, dialogOfCaller(answer), 'BYE', 2));
    expect(statusOf(await phone.nextAnswer())).toBe(200);
  });

  test('a 200 that says nothing of the session has for the phone, which sends no PRACK, what the 183 said', async () => {
    const { phone, carrier } = world;
    const text = phoneInvite(phone);
    phone.send(text);
    const invite = await carrier.nextRequest('INVITE');
    const [tag, contact] = [token(), `Contact: <sip:callee@${carrier.hostPort}>`];
    const reliable = ['Require: 100rel', 'RSeq: 1', 'Content-Type: application/sdp'];
    carrier.send(responseTo(invite, '183 Session Progress', tag, [contact, ...reliable], SDP));
    carrier.send(responseTo(await carrier.nextRequest('PRACK'), '200 OK', ''));
    carrier.send(responseTo(invite, '200 OK', tag, [contact]));
    const answer = await phone.nextAnswer(200);
    expect(answer.text).toMatch(/\r\n\r\nv=0\r\n/);
    phone.send(ackOf(phone, text, answer));
    await carrier.nextRequest('ACK');
    phone.send(inDialog(phone, dialogOfCaller(answer), 'BYE', 2));
    expect(statusOf(await phone.nextAnswer())).toBe(200);
  });

  test.each(['400 Bad Request', '415 Unsupported Media Type', '488 Not Acceptable Here', '606 Not Acceptable'])(
    'a carrier that takes no INVITE of several parts and says %s gets the description alone',
    async (status) => {
      const location = '--b\r\nContent-Type: application/pidf+xml\r\n\r\n<p/>\r\n';
      const parts = `${location}--b\r\nContent-Type: application/sdp\r\n\r\n${SDP}\r\n--b--\r\n`;
      const uri = 'sip:9442079460123@acme.test';
      const fields = { To: `<${uri}>`, 'Content-Type': 'multipart/mixed;boundary=b' };
      const text = requestOf(world.phone, `INVITE ${uri} SIP/2.0`, fields, parts);
      world.phone.send(text);
      const refused = await world.carrier.nextRequest('INVITE');
      expect(refused.body).toBe(parts);
      world.carrier.send(responseTo(refused, status, 'r'));
      const again = await world.carrier.nextRequest('INVITE');
      expect(again.body).toBe(SDP);
      world.carrier.send(accept(world.carrier, again, 'a'));
      const answer = await world.phone.nextAnswer(200);
      world.phone.send(ackOf(world.phone, text, answer));
      await world.carrier.next(({ startLine, body }) => startLine.startsWith('ACK ') && body === '', 'an ACK');
      world.phone.send(inDialog(world.phone, dialogOfCaller(answer), 'BYE', 2));
      expect(statusOf(await world.phone.nextAnswer())).toBe(200);
    },
  );

  test('a 200 that names a port which takes no connection is acknowledged where it came from', async () => {
    const { phone, carrier } = world;
    const text = phoneInvite(phone);
    phone.send(text);
    const contact = `Contact: <sip:g@127.0.0.1:${await freePort('127.0.0.1')};transport=tcp>`;
    const accepted = accept(carrier, await carrier.nextRequest('INVITE'), token(), [contact]);
    carrier.send(accepted);
    // RFC 3261 §13.3.1.4: until its ACK comes, over every transport.
    const again = setInterval(() => carrier.send(accepted), 100);
    await carrier.nextRequest('ACK').finally(() => clearInterval(again));
    const answer = await phone.nextAnswer(200);
    phone.send(ackOf(phone, text, answer));
    phone.send(inDialog(phone, dialogOfCaller(answer), 'BYE', 2));
    expect(statusOf(await phone.nextAnswer())).toBe(200);
    carrier.forget();
  });

  test.each([
    ['a Contact that cannot be read', 'Contact: <sip:[>'],
    ['a Contact that is no SIP URI', 'Contact: <tel:+14155550100>'],
    ['a Record-Route that cannot be read', 'Record-Route: <sip:[;lr>'],
  ])('a 200 with %s: ACK, BYE, and the caller hears of it', async (_what, line) => {
    const { phone, carrier } = world;
    const text = phoneInvite(phone);
    phone.send(text);
    const invite = await carrier.nextRequest('INVITE');
    // The BYE of the call before may still be on its way; it is answered like this one.
    const ended = new Promise<void>((resolve) => {
      carrier.serves = (message) => {
        const isOurs = fieldOf(message, 'Call-ID') === fieldOf(invite, 'Call-ID');
        if (isOurs && message.startLine.startsWith('BYE ')) resolve();
        return serveQuietly(message);
      };
    });
    carrier.send(accept(carrier, invite, token(), [line]));
    await carrier.nextRequest('ACK');
    await ended;
    const answer = await phone.nextAnswer();
    expect(statusOf(answer)).toBe(503);
    phone.send(ackOf(phone, text, answer));
  });

  test('a 486 with an unreadable Contact is a 486', async () => {
    const { phone, carrier } = world;
    const text = phoneInvite(phone);
    phone.send(text);
    carrier.send(responseTo(await carrier.nextRequest('INVITE'), '486 Busy Here', token(), ['Contact: <sip:[>']));
    await carrier.nextRequest('ACK');
    const answer = await phone.nextAnswer();
    expect(statusOf(answer)).toBe(486);
    phone.send(ackOf(phone, text, answer));
  });
});

test('after a 200 that cannot be used the next route is tried', async () => {
  const world = await startField({
    tenant: {
      outboundRules: [
        {
          name: 'world',
          match: { prefixes: ['9'] },
          routes: [
            { trunk: 'carrier', strip: 1 },
            { trunk: 'carrier', strip: 2 },
          ],
        },
      ],
    },
  });
  try {
    const { phone, carrier } = world;
    const text = phoneInvite(phone);
    phone.send(text);
    carrier.send(accept(carrier, await carrier.nextRequest('INVITE'), token(), ['Contact: <sip:[>']));
    const second = await carrier.nextRequest('INVITE');
    carrier.send(responseTo(second, '486 Busy Here', token()));
    const answer = await phone.nextAnswer();
    expect(statusOf(answer)).toBe(486);
    phone.send(ackOf(phone, text, answer));
  } finally {
    await world.stop();
  }
});

describe('a register trunk whose registrar answers untidily', () => {
  let world: FieldWorld;
  beforeAll(async () => {
    world = await startField({
      trunk: {
        type: 'register',
        credentials: { username: 'acme', password: 'carrier-secret' },
        options: { verifyPort: true, keepAlive: { enabled: true, intervalSeconds: 10 } },
      },
    });
  });
  afterAll(() => world.stop());

  test('kinds 4 and 13: registered by what can be read, online by an answer to OPTIONS', async () => {
    const { carrier } = world;
    const contacts = ['Contact: <sip:[>;expires=90, <sip:y@203.0.113.6>;expires=0, <sip:z@203.0.113.7>;expires=120'];
    // The last REGISTER, when the engine stops, is answered too.
    carrier.serves = (message) =>
      message.startLine.startsWith('OPTIONS')
        ? responseTo(message, '200 OK', 'c', ['Contact: <sip:[>', 'Allow: @'])
        : responseTo(message, '200 OK', 'c', contacts);
    const registered = async (seconds: number) => {
      // Not at the random moment of a start.
      await world.api('/api/v1/trunks/1/retry', {});
      await eventually(
        'the registration',
        async () => {
          const { items } = (await world.api('/api/v1/trunks')) as { items: { registration?: { reason?: string } }[] };
          return JSON.stringify(items).includes(`registered for ${seconds} s`) ? true : undefined;
        },
        { detail: () => JSON.stringify(world.logs()) },
      );
    };
    await registered(90);
    const untidy = (text: string) =>
      text.replace(/(Via: [^\r]*)/, '$1 (Acme)').replace(/ (REGISTER|OPTIONS)\r/, (word) => word.toLowerCase());
    carrier.serves = (message) => {
      const own = fieldOf(message, 'Contact').replace('>', ';expires=91.5>');
      return untidy(responseTo(message, '200 OK', 'c', [`Contact: ${own}`, 'Expires: 1800s']));
    };
    await registered(91);
  });
});
