import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { provisioningSchema } from '../../../src/trunks/schema.ts';
import { type DnsServer, startDnsServer } from '../../kit/dns-server.ts';
import { fieldOf, methodOf, type WireMessage } from '../outbound/wire-message.ts';
import {
  accept,
  ackOf,
  ask,
  carrierInvite,
  dialogOfCallee,
  type FieldWorld,
  inDialog,
  Party,
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
  const { trunks } = provisioningSchema.parse({ trunks: [trunk] });
  expect(await world.node.provisioner.update(() => ({ putTrunks: trunks }))).toMatchObject({ outcome: 'applied' });
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
          listen('udp', '::1'),
          listen('tcp', '127.0.0.1'),
          listen('tcp', '127.0.0.4'),
          listen('tcp', '::1'),
        ],
        dns: { servers: [`127.0.0.1:${dns.port}`] },
        timers: { attemptMs: 1_500 },
      },
    });
    const at = (host: string) => {
      const found = world.node.listening.find((listening) => listening.host === host && listening.transport === 'udp');
      return { address: host, port: found?.port ?? 0 };
    };
    six = await Party.udp(at('::1'), '::1');
    four = await Party.udp(at('127.0.0.4'), '127.0.0.7');
    stream = await Party.listen('::1');
    parties.push(six, four, stream);
  });
  afterAll(async () => {
    await world.stop();
    for (const party of parties) party.close();
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
