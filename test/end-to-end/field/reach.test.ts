import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { provisioningSchema } from '../../../src/provisioning/trunk-settings/schema.ts';
import { type DnsServer, startDnsServer } from '../../kit/dns-server.ts';
import { fieldOf, methodOf, type WireMessage } from '../outbound/wire-message.ts';
import {
  accept,
  ackOf,
  ask,
  carrierInvite,
  dialogOfCallee,
  dialogOfCaller,
  type FieldWorld,
  inDialog,
  Party,
  phoneInvite,
  requestOf,
  responseTo,
  SDP,
  startField,
  statusOf,
  token,
} from './world.ts';

/** Puts the world's trunk in another shape, as an operator does while the engine runs. */
async function putTrunk(world: FieldWorld, changes: Readonly<Record<string, unknown>>): Promise<void> {
  const trunk = {
    id: '1',
    name: 'carrier',
    type: 'ip',
    anotherAccount: true,
    tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199' }],
    ...changes,
    options: { keepAlive: { enabled: false }, ...(changes['options'] as object) },
  };
  await world.provision(provisioningSchema.parse({ trunks: [trunk] }));
}

const BIG = `${SDP}${'a=x:0123456789\r\n'.repeat(90)}`;

describe('kind 15: Via and Contact are of the socket that sends', () => {
  let world: FieldWorld;
  let dns: DnsServer;
  let six: Party;
  let four: Party;
  let stream: Party;
  const parties: Party[] = [];
  const names: Readonly<Record<string, { readonly A?: string[]; readonly AAAA?: string[] }>> = {
    'six.test': { AAAA: ['::1'] },
    'both.test': { A: ['127.0.0.9'], AAAA: ['::1'] },
  };
  beforeAll(async () => {
    dns = await startDnsServer((name, type) => names[name]?.[type] ?? []);
    const listen = (transport: 'udp' | 'tcp', host: string, name?: string) => ({
      transport,
      host,
      port: 0,
      ...(name === undefined ? {} : { name }),
    });
    world = await startField({
      settings: {
        listen: [
          listen('udp', '127.0.0.1'),
          listen('udp', '127.0.0.4', 'two'),
          listen('udp', '::1', 'six'),
          listen('tcp', '127.0.0.1'),
          listen('tcp', '127.0.0.4', 'two-tcp'),
          listen('tcp', '::1'),
        ],
        dns: { servers: [`127.0.0.1:${dns.port}`] },
        timers: { attemptMs: 1_500 },
      },
    });
    const at = (host: string) => ({ address: host, port: world.port('udp', host) });
    six = await Party.udp(at('::1'), '::1');
    four = await Party.udp(at('127.0.0.4'), '127.0.0.7');
    stream = await Party.listen('::1');
    parties.push(six, four, stream);
  });
  afterAll(async () => {
    await world.stop();
    for (const party of parties.splice(0)) party.close();
    dns.close();
  });

  /** The INVITE that the carrier gets, and refuses. */
  async function reached(carrier: Party, body = SDP): Promise<WireMessage> {
    const { phone } = world;
    const uri = 'sip:9442079460123@acme.test';
    const text = requestOf(phone, `INVITE ${uri} SIP/2.0`, { To: `<${uri}>` }, body);
    phone.send(text);
    const invite = await carrier.nextRequest('INVITE');
    carrier.send(responseTo(invite, '486 Busy Here', token()));
    await carrier.nextRequest('ACK');
    const answer = await phone.nextAnswer();
    expect(statusOf(answer)).toBe(486);
    phone.send(ackOf(phone, text, answer));
    return invite;
  }
  const hosts = (invite: WireMessage) => [
    /^SIP\/2\.0\/(\S+ (?:\[.*?\]|[\d.]+))/.exec(fieldOf(invite, 'Via'))?.[1],
    /@(\[.*?\]|[\d.]+)/.exec(fieldOf(invite, 'Contact'))?.[1],
  ];

  test.each([
    ['::1', {}],
    ['[::1]', {}],
    ['six.test', {}],
    // The first address is silent: the second one is of another family.
    ['both.test', {}],
    ['carrier.test', { outboundProxy: { host: 'six.test' } }],
  ])('UDP to %s %j: [::1], also while the name has not been resolved yet', async (host, changes) => {
    const proxy = 'outboundProxy' in changes ? { outboundProxy: { ...changes.outboundProxy, port: six.port } } : {};
    await putTrunk(world, { host, port: six.port, ...proxy });
    expect(hosts(await reached(six))).toEqual(['UDP [::1]', '[::1]']);
  });

  test('TCP to a name of IPv6; Contact says TCP', async () => {
    await putTrunk(world, { host: 'six.test', port: stream.port, transport: 'tcp' });
    const invite = await reached(stream);
    expect(hosts(invite)).toEqual(['TCP [::1]', '[::1]']);
    expect(fieldOf(invite, 'Contact')).toContain(';transport=tcp');
  });

  test('a mapping that writes the own address says the same', async () => {
    await putTrunk(world, {
      host: 'six.test',
      port: six.port,
      outboundParameters: { from: { host: 'ContactUri' } },
    });
    expect(fieldOf(await reached(six), 'From')).toMatch(/@\[::1\]:\d+>/);
  });

  test('the listener that the trunk names, for large requests over TCP too', async () => {
    await putTrunk(world, { host: '127.0.0.7', port: four.port, options: { listener: 'two' } });
    expect(hosts(await reached(four))).toEqual(['UDP 127.0.0.4', '127.0.0.4']);
    const carrier = await Party.listen('127.0.0.7');
    parties.push(carrier);
    await putTrunk(world, { host: '127.0.0.7', port: carrier.port, options: { listener: 'two' } });
    expect(hosts(await reached(carrier, BIG))).toEqual(['TCP 127.0.0.4', '127.0.0.4']);
  });

  test('a connection from one listener is not used by a trunk that names another', async () => {
    const carrier = await Party.listen('127.0.0.7');
    parties.push(carrier);
    for (const [listener, host] of [
      ['', '127.0.0.1'],
      ['two-tcp', '127.0.0.4'],
      ['', '127.0.0.1'],
    ] as const) {
      const options = listener === '' ? {} : { listener };
      await putTrunk(world, { host: '127.0.0.7', port: carrier.port, transport: 'tcp', options });
      expect(hosts(await reached(carrier))).toEqual([`TCP ${host}`, host]);
    }
  });

  test('a trunk whose name has addresses of both families is reached at that of the listener that it names', async () => {
    await putTrunk(world, { host: 'both.test', port: six.port, options: { listener: 'six' } });
    expect(hosts(await reached(six))).toEqual(['UDP [::1]', '[::1]']);
  });

  describe.each([
    ['another address', 'udp', '127.0.0.8', 'UDP 127.0.0.4'],
    ['TCP', 'tcp', '127.0.0.8', 'TCP 127.0.0.4'],
    ['another address family', 'udp', '::1', 'UDP [::1]'],
    ['TCP of another family', 'tcp', '::1', 'TCP [::1]'],
  ] as const)('a call over UDP whose Contact names %s of the trunk', (_, transport, host, leaves) => {
    let place: Party;
    beforeAll(async () => {
      // Answers go where the requests come from: what comes to another listener is no answer, and is waited for.
      const address = leaves.replace(/^\w+ |[[\]]/g, '');
      const at = { address, port: world.port('udp', address) };
      place = transport === 'udp' ? await Party.udp(at, host) : await Party.listen(host);
      parties.push(place);
      await putTrunk(world, {
        host: '127.0.0.7',
        port: four.port,
        associatedIps: [host],
        options: { listener: 'two' },
      });
    });
    const contact = () => `<sip:c@${place.hostPort}${transport === 'tcp' ? ';transport=tcp' : ''}>`;

    test('out: ACK and BYE leave from the listener that the trunk knows us by, else from one that leads there', async () => {
      const { phone } = world;
      const text = phoneInvite(phone);
      phone.send(text);
      four.send(accept(four, await four.nextRequest('INVITE'), token(), [`Contact: ${contact()}`]));
      const answer = await phone.nextAnswer(200);
      phone.send(ackOf(phone, text, answer));
      expect(hosts(await place.nextRequest('ACK'))[0]).toBe(leaves);
      phone.send(inDialog(phone, dialogOfCaller(answer), 'BYE', 3));
      expect(statusOf(await phone.nextAnswer())).toBe(200);
      const bye = await place.nextRequest('BYE');
      expect(hosts(bye)[0]).toBe(leaves);
      place.send(responseTo(bye, '200 OK', 'c'));
    });

    test('in: so does the BYE of the phone', async () => {
      const desk = await world.party();
      const address = '<sip:102@acme.test>';
      const register = { From: `${address};tag=a`, To: address, Contact: `<sip:102@${desk.hostPort}>` };
      const registered = requestOf(desk, 'REGISTER sip:acme.test SIP/2.0', register);
      expect(statusOf(await ask(desk, registered, 'secret-102', '102'))).toBe(200);
      const text = carrierInvite(four, { Contact: contact() }, '14155550102');
      four.send(text);
      const invite = await desk.nextRequest('INVITE');
      const tag = token();
      desk.send(accept(desk, invite, tag));
      four.send(ackOf(four, text, await four.nextAnswer(200)));
      await desk.nextRequest('ACK');
      desk.send(inDialog(desk, dialogOfCallee(invite, tag), 'BYE', 3));
      const bye = await place.nextRequest('BYE');
      expect(hosts(bye)[0]).toBe(leaves);
      place.send(responseTo(bye, '200 OK', 'c'));
      expect(statusOf(await desk.nextAnswer())).toBe(200);
      const gone = requestOf(desk, 'REGISTER sip:acme.test SIP/2.0', { ...register, Contact: '*', Expires: '0' });
      expect(statusOf(await ask(desk, gone, 'secret-102', '102'))).toBe(200);
    });
  });

  test.each([
    ['udp', 'is not what it asks for', '103'],
    ['tcp', 'has ended', '102'],
    ['tcp', 'proves dead as the INVITE is written', '102'],
  ] as const)(
    'a phone that registered over %s, which %s, is called over TCP from the listener that it knows',
    async (way, state, number) => {
      const place = await Party.listen('127.0.0.9');
      const where = { address: '127.0.0.4', port: world.port(way, '127.0.0.4') };
      const desk = way === 'udp' ? await Party.udp(where, '127.0.0.9') : await Party.connect(where, way, '127.0.0.9');
      parties.push(place, desk);
      desk.knownEverywhere = world.registeredEverywhere;
      await putTrunk(world, { host: '127.0.0.7', port: four.port });
      const address = `<sip:${number}@acme.test>`;
      const contact = `<sip:${number}@${place.hostPort};transport=tcp>`;
      const fields = { From: `${address};tag=a`, To: address, Contact: contact };
      const registered = requestOf(desk, 'REGISTER sip:acme.test SIP/2.0', fields);
      expect(statusOf(await ask(desk, registered, `secret-${number}`, number))).toBe(200);
      desk.serves = (message) => {
        if (methodOf(message) === 'INVITE') desk.close();
        return undefined;
      };
      if (state === 'has ended') {
        const connections = await world.counted('tandem_connections');
        desk.close();
        await expect.poll(() => world.counted('tandem_connections')).toBe(connections - 1);
      }
      const text = carrierInvite(four, {}, `14155550${number}`);
      four.send(text);
      const invite = await place.nextRequest('INVITE');
      expect(hosts(invite)).toEqual(['TCP 127.0.0.4', '127.0.0.4']);
      place.send(responseTo(invite, '486 Busy Here', token()));
      four.send(ackOf(four, text, await four.nextAnswer()));
      await place.nextRequest('ACK');
      const leaving = way === 'udp' ? desk : await Party.connect(where, way, '127.0.0.9');
      if (leaving !== desk) parties.push(leaving);
      const gone = requestOf(leaving, 'REGISTER sip:acme.test SIP/2.0', { ...fields, Contact: '*', Expires: '0' });
      expect(statusOf(await ask(leaving, gone, `secret-${number}`, number))).toBe(200);
    },
  );
});

describe('kind 14: a call in over TCP whose connection has ended', () => {
  let world: FieldWorld;
  let desk: Party;
  beforeAll(async () => {
    world = await startField({
      carrier: 'tcp',
      trunk: { options: { verifyPort: false, keepAlive: { enabled: false } } },
    });
    desk = await world.party();
    const address = '<sip:101@acme.test>';
    const text = requestOf(desk, 'REGISTER sip:acme.test SIP/2.0', {
      From: `${address};tag=a`,
      To: address,
      Contact: `<sip:101@${desk.hostPort}>`,
    });
    expect(statusOf(await ask(desk, text, 'secret-101', '101'))).toBe(200);
  });
  afterEach(() => {
    desk.forget();
    world.carrier.forget();
  });
  afterAll(() => world.stop());

  test.each([
    ['its port', () => `<sip:c@127.0.0.1:${world.carrier.port}>`],
    ['the port of the connection', (from: Party) => `<sip:c@${from.hostPort}>`],
    ['no port', () => '<sip:c@127.0.0.1>'],
    ['a private address', () => '<sip:c@10.9.8.7:5060;transport=tcp>'],
    ['a name', () => '<sip:c@sbc.carrier.test;transport=tcp>'],
  ])('the BYE of the phone goes to where the trunk is, whatever Contact names: %s', async (_, contact) => {
    const { carrier } = world;
    const incoming = await world.party('tcp');
    const text = carrierInvite(incoming, { Contact: contact(incoming) });
    incoming.send(text);
    const invite = await desk.nextRequest('INVITE');
    const tag = token();
    desk.send(accept(desk, invite, tag));
    incoming.send(ackOf(incoming, text, await incoming.nextAnswer(200)));
    await desk.nextRequest('ACK');
    incoming.close();
    let byes = 0;
    carrier.serves = (message) => {
      if (methodOf(message) === 'BYE') byes++;
      return responseTo(message, '200 OK', 'quiet');
    };
    desk.send(
      inDialog(desk, dialogOfCallee(invite, tag), 'INFO', 2, { 'Content-Type': 'application/dtmf-relay' }, '1'),
    );
    expect(statusOf(await desk.nextAnswer())).toBe(200);
    desk.send(inDialog(desk, dialogOfCallee(invite, tag), 'BYE', 3));
    expect(statusOf(await desk.nextAnswer())).toBe(200);
    await expect.poll(() => byes).toBe(1);
  });
});
