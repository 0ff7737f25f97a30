import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fieldOf, methodOf } from '../outbound/wire-message.ts';
import {
  accept,
  ask,
  call,
  carrierInvite,
  connectCarrier,
  type DialogView,
  type FieldWorld,
  inDialog,
  type Party,
  phoneInvite,
  requestOf,
  responseTo,
  SDP,
  startField,
  statusOf,
  token,
} from './world.ts';

/** Kind 14, of phones and gateways: a dialog goes on with its peer where that is now, behind the port or connection that it has now. */
describe.each(['udp', 'tcp', 'tls'] as const)('over %s', (transport) => {
  let world: FieldWorld;
  const parameter = transport === 'udp' ? '' : `;transport=${transport}`;

  beforeAll(async () => {
    world = await startField({
      phones: transport,
      carrier: transport,
      trunks: () => [
        {
          name: 'gateway',
          type: 'accept-register',
          host: 'gateway.test',
          transport,
          credentials: { authName: 'gw', username: 'gw', password: 'secret-gw' },
          tenants: [{ tenant: 'acme', didPool: '14155550300' }],
        },
      ],
      tenant: {
        outboundRules: [
          { name: 'gateway', match: { prefixes: ['8'] }, routes: [{ trunk: 'gateway', strip: 1 }] },
          { name: 'world', match: { prefixes: ['9'] }, routes: [{ trunk: 'carrier', strip: 1, prepend: '+' }] },
        ],
      },
    });
    await connectCarrier(world);
  });
  afterAll(() => world.stop());

  /** What registers, each time from a socket of its own, with the Contact that it has there. */
  function peer(user: string, domain: string, contact: (party: Party) => string, host = '127.0.0.1') {
    const callId = token();
    let sequence = 1;
    const address = `<sip:${user}@${domain}>`;
    return async (Expires = '600') => {
      const party = await world.party(transport, host);
      const Contact = Expires === '0' ? '*' : contact(party);
      sequence += 2;
      const fields = { From: `${address};tag=a`, To: address, 'Call-ID': callId, CSeq: `${sequence} REGISTER` };
      const text = requestOf(party, `REGISTER sip:${domain} SIP/2.0`, { ...fields, Contact, Expires });
      expect(statusOf(await ask(party, text, `secret-${user}`, user))).toBe(200);
      return party;
    };
  }

  const AT_HOME = `<sip:102@192.168.1.9:5060${parameter}>`;
  const phones: [string, (party: Party) => string][] = [
    ['a private Contact', () => AT_HOME],
    ['an instance', () => `${AT_HOME};+sip.instance="<urn:uuid:102>"`],
  ];
  // Where nobody listens once its connection has ended.
  if (transport !== 'udp') phones.push(['the port of its connection', (at) => `<sip:102@${at.hostPort}${parameter}>`]);

  /** The connection ends; a port is left, and nothing shall come there any more. */
  const leave = (party: Party) => {
    if (transport !== 'udp') party.close();
    party.forget();
  };

  /** Ends a call from the carrier's side; the BYE is to come to the phone or gateway where it is now. */
  async function ends(from: Party, dialog: DialogView, now: Party) {
    from.send(inDialog(from, dialog, 'BYE', 20));
    const bye = await now.nextRequest('BYE');
    now.send(responseTo(bye, '200 OK', ''));
    expect(statusOf(await from.nextAnswer())).toBe(200);
  }

  test.each(phones)('a phone with %s that has registered from elsewhere in mid-call', async (_, contact) => {
    const { carrier } = world;
    const register = peer('102', 'acme.test', contact);
    const before = await register();
    const lines = [`Contact: ${contact(before).replace(/>.*/, '>')}`];
    const { caller } = await call(carrier, carrierInvite(carrier, {}, '14155550102'), before, lines);
    leave(before);
    await ends(carrier, caller, await register());
    await register('0');
  });

  /** Who goes from one network to another is on the new one before anybody knows that the old connection is dead. */
  const WHEN = transport === 'udp' ? (['before'] as const) : (['before', 'after'] as const);
  test.each(WHEN.flatMap((when) => phones.map(([name, contact]) => [name, when, contact] as const)))(
    'a phone with %s that has sent a re-INVITE from elsewhere; its connection has ended %s that',
    async (_, when, contact) => {
      const { carrier } = world;
      const bare = (party: Party) => contact(party).replace(/>.*/, '>');
      const register = peer('102', 'acme.test', contact);
      const before = await register();
      const text = carrierInvite(carrier, {}, '14155550102');
      const { caller, callee } = await call(carrier, text, before, [`Contact: ${bare(before)}`]);
      if (when === 'before') leave(before);
      const now = await world.party();
      now.send(inDialog(now, callee, 'INVITE', 7, { Contact: bare(now) }, SDP));
      carrier.send(accept(carrier, await carrier.nextRequest('INVITE'), ''));
      const answer = await now.nextAnswer(200);
      const To = fieldOf(answer, 'To');
      now.send(inDialog(now, { ...callee, remote: To }, 'ACK', 7, { Contact: undefined }));
      await carrier.next((message) => methodOf(message) === 'ACK' && message.body === '', 'the ACK');
      if (when === 'after') leave(before);
      await ends(carrier, caller, now);
      await register('0');
    },
  );

  test('not where another phone has registered the same Contact', async () => {
    const { carrier } = world;
    const register = peer('102', 'acme.test', () => AT_HOME);
    const talking = await register();
    const text = carrierInvite(carrier, {}, '14155550102');
    const { caller } = await call(carrier, text, talking, [`Contact: ${AT_HOME}`]);
    const other = await peer('102', 'acme.test', () => AT_HOME, '127.0.0.5')();
    await ends(carrier, caller, talking);
    expect(other.received.filter((message) => methodOf(message) !== '')).toEqual([]);
    await register('0');
  });

  test('a gateway that has registered from elsewhere', async () => {
    const { phone } = world;
    const contact = '<sip:gw@192.168.1.9:5060>';
    const register = peer('gw', 'gateway.test', () => contact);
    const before = await register();
    const { caller } = await call(phone, phoneInvite(phone, {}, '85551234'), before, [`Contact: ${contact}`]);
    leave(before);
    await ends(phone, caller, await register());
    await register('0');
  });
});

test('a phone that goes on over TCP in a call that it began over UDP', async () => {
  const world = await startField();
  try {
    const { phone, carrier } = world;
    const { caller, callee } = await call(phone, phoneInvite(phone), carrier);
    const now = await world.party('tcp', phone.address);
    const Contact = `<sip:101@${now.hostPort};transport=tcp>`;
    now.send(inDialog(now, caller, 'INVITE', 7, { Contact }, SDP));
    carrier.send(accept(carrier, await carrier.nextRequest('INVITE'), ''));
    expect(statusOf(await now.nextAnswer())).toBe(200);
    now.send(inDialog(now, caller, 'ACK', 7, { Contact: undefined }));
    await carrier.nextRequest('ACK');
    carrier.send(inDialog(carrier, callee, 'BYE', 20));
    now.send(responseTo(await now.nextRequest('BYE'), '200 OK', ''));
    expect(statusOf(await carrier.nextAnswer())).toBe(200);
  } finally {
    await world.stop();
  }
});
