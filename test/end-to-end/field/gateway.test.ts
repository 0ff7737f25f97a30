import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Explanation } from '../../../src/outbound/index.ts';
import { eventually } from '../../kit/eventually.ts';
import { TEST_WORKERS } from '../../kit/test-workers.ts';
import { fieldOf, methodOf } from '../outbound/wire-message.ts';
import {
  accept,
  ackOf,
  ask,
  dialogOfCaller,
  type FieldWorld,
  inDialog,
  type Party,
  phoneInvite,
  requestOf,
  responseTo,
  SDP,
  serveQuietly,
  startField,
  statusOf,
  token,
} from './world.ts';

/** There is no other route. Where the gateway is at another worker it is the answer of the next hop, which says what it was. */
const REFUSED = TEST_WORKERS === 1 ? [503] : [502, 503];
const NUMBER = '<sip:+442079460001@acme.test>';

/** What gateways that register write, where an IP trunk's carrier and a phone have their tests: both ways over its flow. */
describe.each([
  ['udp', '127.0.0.1'],
  ['tcp', '127.0.0.1'],
  ['tls', '::1'],
] as const)('the gateway of an accept-register trunk over %s at %s', (transport, host) => {
  let world: FieldWorld;
  let gateway: Party;
  beforeAll(async () => {
    world = await startField({
      host,
      // The engine listens for TLS where the carrier speaks it.
      carrier: transport === 'tls' ? 'tls' : 'udp',
      tenant: {
        outboundRules: [{ name: 'gateway', match: { prefixes: ['9'] }, routes: [{ trunk: 'gateway', strip: 1 }] }],
        inboundRules: [{ name: 'gateway', trunk: 'gateway', dids: '14155550301', destination: { extension: '102' } }],
      },
      trunks: () => [
        {
          id: '2',
          name: 'gateway',
          type: 'accept-register',
          host: 'gateway.test',
          credentials: { authName: '106', username: '106', password: 'secret-106' },
          options: { trust: 'binding', keepAlive: { enabled: true, intervalSeconds: 3600 } },
          tenants: [{ tenant: 'acme', didPool: '14155550300-14155550399' }],
        },
      ],
    });
    gateway = await world.party(transport, host === '::1' ? host : '127.0.0.6');
    gateway.serves = serveQuietly;
    expect(statusOf(await register('<sip:106@HERE>'))).toBe(200);
  });
  afterAll(() => world.stop());

  const register = (contact: string) => {
    const address = '<sip:106@gateway.test>';
    const Contact = contact.replace('HERE', gateway.hostPort);
    const text = requestOf(gateway, 'REGISTER sip:gateway.test SIP/2.0', {
      From: `${address};tag=1`,
      To: address,
      Contact,
    });
    return ask(gateway, text, 'secret-106', '106');
  };

  test.each([
    '<sip:106@HERE;transport=udp;>;q=;expires=600;',
    'PSTN, floor 2 < sip:@HERE >',
    'sip:HERE',
    '<sip:106@HERE;;lr;>, <sip:[>;expires=0',
    '<sip:106@HERE>',
  ])('Contact: %s is bound', async (contact) => {
    // One of a list that cannot be read costs the others nothing.
    expect(statusOf(await register(contact))).toBe(200);
  });

  test('online by any answer to OPTIONS that is one', async () => {
    gateway.serves = (message) =>
      methodOf(message) === 'OPTIONS'
        ? responseTo(message, '200 OK', 'o', ['Contact: <sip:[>', 'Allow: @', 'Date: never', 'no field at all'])
        : serveQuietly(message);
    const before = gateway.received.length;
    await world.api('/api/v1/trunks/2/retry', {});
    const pinged = () => gateway.received.slice(before).find((message) => methodOf(message) === 'OPTIONS');
    await eventually('the OPTIONS', pinged);
    await eventually('the trunk online', async () => {
      const { items } = (await world.api('/api/v1/trunks')) as { items: { name: string; status?: object }[] };
      const status = JSON.stringify(items.find(({ name }) => name === 'gateway')?.status);
      return status.includes('"lastCode":200') && status.includes('"online"') ? true : undefined;
    });
    gateway.serves = serveQuietly;
  });

  test.each([
    ['a Contact that ends in a semicolon', ['Contact: <sip:g@HERE;lr;>;;expires=;'], undefined],
    ['a Contact without a user', ['Contact: sip:HERE'], undefined],
    ['a Contact that leads nowhere', ['Contact: <sip:[>'], REFUSED],
    ['unreadable fields', ['Allow: @@', 'Reason: ;;', 'Session-Expires: soon', 'no field at all'], undefined],
  ] as const)('a 200 with %s', async (_what, lines, failure) => {
    const { phone } = world;
    const text = phoneInvite(phone);
    phone.send(text);
    const invite = await gateway.nextRequest('INVITE');
    gateway.send(
      accept(
        gateway,
        invite,
        token(),
        lines.map((line) => line.replace('HERE', gateway.hostPort)),
      ),
    );
    await gateway.nextRequest('ACK');
    const answer = await phone.nextAnswer();
    phone.send(ackOf(phone, text, answer));
    if (failure !== undefined) {
      expect(failure).toContain(statusOf(answer));
      return;
    }
    expect(statusOf(answer)).toBe(200);
    phone.send(inDialog(phone, dialogOfCaller(answer), 'BYE', 2));
    expect(statusOf(await phone.nextAnswer())).toBe(200);
  });

  test('kinds 39 and 40: explain shows the INVITE as it leaves over the flow that the gateway registered over', async () => {
    const { phone } = world;
    const text = phoneInvite(phone);
    const steady = (octets: string) =>
      octets
        .replace(/;branch=[^;\r]+/, ';branch=#')
        .replace(/(From: [^\r]*);tag=[^;\r]+/, '$1;tag=#')
        .replace(/Call-ID: [^\r]+/, 'Call-ID: #');
    const octetsOf = (shown: object | undefined) =>
      steady(Buffer.from((shown as { inviteBase64: string }).inviteBase64, 'base64').toString('latin1'));
    const before = (await world.api('/api/v1/explain', { tenant: 'acme', invite: text })) as Explanation;
    phone.send(text);
    const invite = await gateway.nextRequest('INVITE');
    gateway.send(responseTo(invite, '486 Busy Here', token()));
    const answer = await phone.nextAnswer();
    phone.send(ackOf(phone, text, answer));
    const callId = fieldOf(answer, 'Call-ID');
    const after = (await world.api(`/api/v1/calls/${callId}/explain`)) as Explanation;
    for (const { routes, legs } of [before, after]) {
      expect(octetsOf(legs?.[0])).toBe(steady(invite.text));
      expect(octetsOf(routes[0])).toBe(steady(invite.text));
      expect(routes[0]?.nextHop).toBe(`${transport}:${gateway.hostPort}`);
      const reason = routes[0]?.fields.find(({ field }) => field === 'Contact.host')?.value;
      expect(fieldOf(invite, 'Contact')).toContain(`@${reason}`);
    }
  });

  test('kinds 22 and 35: its redirection is refused unless it may redirect; whom it connects to is shown', async () => {
    const { phone } = world;
    const text = phoneInvite(phone);
    phone.send(text);
    const asserted = 'P-Asserted-Identity: Desk, the one <tel:+44-20-7946-0001>';
    gateway.send(accept(gateway, await gateway.nextRequest('INVITE'), 'g', [asserted]));
    const answer = await phone.nextAnswer(200);
    phone.send(ackOf(phone, text, answer));
    expect(fieldOf(answer, 'P-Asserted-Identity')).toBe(`"Desk, the one" ${NUMBER}`);
    phone.send(inDialog(phone, dialogOfCaller(answer), 'BYE', 2));
    expect(statusOf(await phone.nextAnswer())).toBe(200);
    const again = phoneInvite(phone);
    phone.send(again);
    gateway.send(responseTo(await gateway.nextRequest('INVITE'), '302 Moved', 'm', ['Contact: <sip:+4420@h>']));
    const refused = await phone.nextAnswer();
    phone.send(ackOf(phone, again, refused));
    expect(statusOf(refused)).toBe(480);
  });

  test.each([
    ['no user', '<sip:gateway.test>'],
    ['an empty user', '"Anonymous" <sip:@127.0.0.1>'],
    ['an unquoted comma', 'ACME, Inc. < sip:+44-(20)-7946-0001@127.0.0.1 >'],
    ['a telephone number', '<tel:+44-20-7946-0001>'],
  ])('a caller with %s', async (_what, from) => {
    const uri = 'sip:1-415-555-0301@gateway.test';
    const fields = { From: `${from};tag=${token()}`, To: `<${uri}>` };
    const text = requestOf(gateway, `INVITE ${uri} SIP/2.0`, fields, SDP);
    gateway.send(text);
    const answer = await gateway.nextAnswer();
    gateway.send(ackOf(gateway, text, answer));
    // 480: known, routed, and phone 102 is not registered.
    expect(statusOf(answer)).toBe(480);
  });
});
