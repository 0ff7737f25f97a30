import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AddressedLeg, RoutedCall } from '../../../src/call/index.ts';
import type { Workers } from '../../../src/engine/admit/dealing.ts';
import { Peers, type PeersOptions } from '../../../src/engine/route/peers.ts';
import { Served } from '../../../src/engine/served.ts';
import { Directory } from '../../../src/provisioning/directory/directory.ts';
import { nodeSchema } from '../../../src/settings/node-schema.ts';
import type { SipRequest } from '../../../src/sip/message/index.ts';
import type { Target } from '../../../src/sip/transport/index.ts';
import {
  type Agent,
  CARRIER_A,
  CARRIER_A_ID,
  CARRIER_B,
  ENGINE,
  extension,
  GATEWAY_ID,
  Phone,
  provisioningOf,
  SDP,
  World,
} from '../world.ts';

let world: World;
let phone: Phone;
let a: Agent;

beforeEach(async () => {
  world = await World.start({ trunks: { 'carrier-a': { associatedIps: ['192.0.2.128/25'] } } });
  phone = world.phone('101', '203.0.113.1');
  a = world.agent(CARRIER_A);
});
afterEach(() => {
  world.scheduler.runUntilIdle(5 * 3600_000);
  expect(world.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
});

/** A call that the carrier answers with this Contact and these Record-Routes; gives the caller's INVITE. */
function answered(contact: string, recordRoute?: string | string[]): SipRequest {
  const invite = phone.call('18005550199');
  const fields = { Contact: contact, ...(recordRoute === undefined ? {} : { 'Record-Route': recordRoute }) };
  a.answers(a.took('INVITE'), 200, 'OK', fields, SDP);
  const final = phone.final(invite);
  if (final === undefined) throw new Error('not answered');
  phone.sends(phone.within(invite, final, 'BYE'));
  return invite;
}

/** Where the engine sent requests of these methods. */
function sentTo(...methods: string[]): string[] {
  return world.network.packets
    .filter(({ from, text }) => from === `${ENGINE}:5060` && methods.some((method) => text.startsWith(`${method} `)))
    .map(({ to, text }) => `${text.slice(0, text.indexOf(' '))} ${to}`);
}

const THE_WAY_BACK = [`ACK ${CARRIER_A}:5060`, `BYE ${CARRIER_A}:5060`];

describe('where requests within a dialog go (RFC 3261 §12.2.1.1, behaviour 19)', () => {
  test('to the port of the Contact when that is at the address the peer sends from', () => {
    const sbc = world.agent(CARRIER_A, 5090);
    answered(`<sip:${CARRIER_A}:5090>`);
    sbc.answer(sbc.took('BYE'), 200, 'OK');
    expect(sentTo('ACK', 'BYE')).toEqual([`ACK ${CARRIER_A}:5090`, `BYE ${CARRIER_A}:5090`]);
  });

  test('to another address of the same trunk', () => {
    const sbc = world.agent('192.0.2.200', 5070);
    answered('<sip:192.0.2.200:5070>');
    sbc.answer(sbc.took('BYE'), 200, 'OK');
    expect(sentTo('ACK', 'BYE')).toEqual(['ACK 192.0.2.200:5070', 'BYE 192.0.2.200:5070']);
  });

  test('to the first Record-Route when that is an address of the trunk, with the whole set in Route', () => {
    const proxy = world.agent('192.0.2.201');
    answered('<sip:10.0.0.7>', ['<sip:10.9.9.9;lr>', '<sip:192.0.2.201;lr>']);
    const bye = proxy.took('BYE');
    expect(bye.requestUri).toBe('sip:10.0.0.7');
    expect(bye.headers.fieldValuesNamed('Route')).toEqual(['<sip:192.0.2.201;lr>', '<sip:10.9.9.9;lr>']);
    proxy.answer(bye, 200, 'OK');
  });

  test.each([
    ['a private address behind a NAT', '<sip:10.0.0.7:5060>'],
    ['the metadata service', '<sip:169.254.169.254:80>'],
    ['link-local', '<sip:169.254.1.1>'],
    ['link-local of IPv6', '<sip:[fe80::1]>'],
    ['loopback', '<sip:127.0.0.1>'],
    ['this engine', `<sip:${ENGINE}:5060>`],
    ['another trunk', `<sip:${CARRIER_B}>`],
    ['another phone', '<sip:203.0.113.2>'],
    ['a name that nobody looks up', '<sip:evil.example.net>'],
    ['an address in disguise', `<sip:${CARRIER_A};maddr=169.254.169.254>`],
    ['a transport that is not served', `<sip:${CARRIER_A}:5090;transport=sctp>`],
    ['TLS where there is none', `<sips:${CARRIER_A}>`],
    ['port 0', `<sip:c@${CARRIER_A}:0>`],
  ])('never to %s: back the way the peer came', (_what, contact) => {
    answered(contact);
    a.answer(a.took('BYE'), 200, 'OK');
    expect(sentTo('ACK', 'BYE')).toEqual(THE_WAY_BACK);
  });

  test.each([
    ['no SIP at all', '<http://169.254.169.254/latest>'],
    ['a telephone number', '<tel:+14155550100>'],
  ])('a 2xx whose Contact is %s is acknowledged and ended where it came from', (_what, contact) => {
    phone.call('18005550199');
    a.answers(a.took('INVITE'), 200, 'OK', { Contact: contact }, SDP);
    a.answer(a.took('BYE'), 200, 'OK');
    expect(sentTo('ACK', 'BYE')).toEqual(THE_WAY_BACK);
  });

  test('never to a made-up Record-Route', () => {
    answered(`<sip:${CARRIER_A}>`, '<sip:169.254.169.254;lr>');
    a.answer(a.took('BYE'), 200, 'OK');
    expect(sentTo('ACK', 'BYE')).toEqual(THE_WAY_BACK);
  });

  test('never to a made-up Record-Route or Contact of a phone', () => {
    const invite = phone.call('18005550199', {
      Contact: '<sip:101@169.254.169.254>',
      'Record-Route': '<sip:169.254.169.254;lr>',
    });
    a.answers(a.took('INVITE'), 200, 'OK', {}, SDP);
    phone.final(invite);
    a.sends(a.withinOf(a.took('INVITE'), 'BYE'));
    phone.answer(phone.took('BYE'), 200, 'OK');
    expect(sentTo('BYE')).toEqual(['BYE 203.0.113.1:5060']);
  });

  test.each([
    ['where its Contact says, whatever port it sends from', { Contact: '<sip:101@203.0.113.1:5060>' }, 5060],
    ['where its Record-Route says', { 'Record-Route': '<sip:203.0.113.1:5060;lr>' }, 5060],
    ['where its re-INVITE came from, behind another port of its NAT', {}, 41234],
  ])('to a phone over UDP %s', (_where, fields, port) => {
    const Contact = '<sip:101@192.168.1.10:5060>';
    const invite = phone.call('18005550199', { Contact, ...fields });
    a.answer(a.took('INVITE'), 200, 'OK', {}, SDP);
    const final = phone.final(invite);
    if (final === undefined) throw new Error('not answered');
    const elsewhere = world.agent('203.0.113.1', 41234);
    elsewhere.sends(phone.within(invite, final, 'INVITE', { Contact, ...fields }));
    a.answer(a.took('INVITE', 1), 488);
    a.sends(a.withinOf(a.took('INVITE'), 'BYE'));
    expect(sentTo('BYE')[0]).toBe(`BYE 203.0.113.1:${port}`);
  });

  /** A call of a phone that the carrier ends, after something that happens meanwhile; where its BYE goes. */
  function endedAfter(from: Phone, meanwhile: () => void): string[] {
    const invite = from.call('18005550199', { Contact: AT_HOME });
    a.answer(a.took('INVITE'), 200, 'OK', {}, SDP);
    from.final(invite);
    meanwhile();
    a.sends(a.withinOf(a.took('INVITE'), 'BYE'));
    return sentTo('BYE').slice(0, 1);
  }
  const AT_HOME = '<sip:101@192.168.1.10:5060>';

  test.each([1, 5])('to a phone over UDP where it has registered since, of %d', async (maxContacts) => {
    world = await World.start({ acme: { extensions: [extension('101', { maxContacts })] } });
    a = world.agent(CARRIER_A);
    const there = new Phone(world, '203.0.113.77', '101');
    phone = new Phone(world, '203.0.113.20', '101');
    const beside = new Phone(world, '203.0.113.30', '101');
    if (maxContacts > 1) beside.register({ Contact: AT_HOME });
    phone.register({ Contact: AT_HOME, 'Call-ID': 'desk' });
    const moves = () => there.register({ Contact: AT_HOME, 'Call-ID': 'desk', CSeq: '5 REGISTER' });
    expect(endedAfter(phone, moves)).toEqual(['BYE 203.0.113.77:5060']);
  });

  test.each(['has not registered', 'has given way to another'])(
    'to a phone over UDP that %s, never to another one that writes the same Contact',
    async (which) => {
      world = await World.start({ acme: { extensions: [extension('101', { maxContacts: 1 })] } });
      a = world.agent(CARRIER_A);
      phone = new Phone(world, '203.0.113.20', '101');
      const other = new Phone(world, '203.0.113.30', '101');
      const registers = () => expect(other.register({ Contact: AT_HOME }).status).toBe(200);
      if (which === 'has not registered') registers();
      else phone.register({ Contact: AT_HOME });
      expect(endedAfter(phone, registers)).toEqual(['BYE 203.0.113.20:5060']);
    },
  );

  test('a listener of this engine on the address of the peer is not taken for the peer', async () => {
    world = await World.start({ trunks: { 'carrier-a': { host: ENGINE, port: 5080 } } });
    phone = world.phone('101', '203.0.113.1');
    a = world.agent(ENGINE, 5080);
    answered(`<sip:${ENGINE}:5060>`);
    a.answer(a.took('BYE'), 200, 'OK');
    expect(sentTo('BYE').slice(-1)).toEqual([`BYE ${ENGINE}:5080`]);
  });
});

describe('where requests within a dialog go whose peer is at another worker of this machine', () => {
  /** The node that the peer was at. */
  const ENDED = '198.51.100.9';
  const PRIVATE = '10.0.0.1';
  /** Of the NAT in front of the machine, which has no way in from behind it. */
  const PUBLIC = '198.51.100.77';
  const SIBLING = `sip:102@${ENGINE}:6070`;

  /** Of the first of two workers. */
  function firstWorker(directory = Directory.EMPTY): Peers {
    const listen = [{ transport: 'udp' as const, host: ENGINE, port: 5060 }];
    const settings = nodeSchema.parse({ listen, advertise: { privateHost: PRIVATE, publicHost: PUBLIC } });
    const workers = { allPorts: (port: number) => [port + 1000, port + 1010] } as unknown as Workers;
    const served = new Served(settings, directory, workers);
    const here = [5060, 6060].map((port) => ({ ...listen[0], port, id: `udp:${port}` }));
    served.listensOn(here as unknown as Parameters<Served['listensOn']>[0], settings.listen);
    return new Peers({
      served,
      endpoint: { transport: { supports: () => true } },
      peers: { isPeerAddress: (address: string) => address === ENGINE },
      trunks: { secured: (_id: string, to: Target) => to, identification: { isOf: () => false } },
    } as unknown as PeersOptions);
  }

  const legOf = (isBetweenNodes: boolean, trunkId?: string, [address, port]: [string, number] = [ENDED, 5060]) =>
    ({
      options: { isBetweenNodes, ...(trunkId !== undefined && { trunkId }) },
      dialog: { remoteTarget: SIBLING },
      destination: { transport: 'udp', address, port },
      unreachable: undefined,
    }) as unknown as AddressedLeg;

  test('between nodes there: the other half of the call has come to that worker', () => {
    expect(firstWorker().nextHop(legOf(true), SIBLING)).toMatchObject({ address: ENGINE, port: 6070 });
  });

  test('between nodes there by the address, too, that the machine says of itself', () => {
    const target = firstWorker().nextHop(legOf(true), `sip:102@${PRIVATE}:6070`);
    expect(target).toMatchObject({ address: PRIVATE, port: 6070 });
  });

  test.each([PUBLIC, PRIVATE, ENGINE])(
    'between workers where they reach each other, never by what they say to the outside: %s',
    (host) => {
      const hopFrom = (port: number) =>
        firstWorker().nextHop(legOf(true, undefined, [ENGINE, port]), `sip:102@${host}:6070`);
      expect(hopFrom(6070)).toBeUndefined();
      // The half of a worker that has ended has come to another one.
      expect(hopFrom(6080)).toMatchObject({ address: ENGINE, port: 6070 });
    },
  );

  test('between nodes over UDP, as the half says, also of a call through a trunk of TLS', () => {
    const overTls = provisioningOf({ trunks: { 'carrier-a': { transport: 'tls' } } });
    const trunk = overTls.trunks.find(({ name }) => name === 'carrier-a');
    const target = firstWorker(overTls).nextHop(legOf(true, trunk?.id), SIBLING);
    expect(target).toMatchObject({ transport: 'udp', address: ENGINE, port: 6070 });
  });

  test.each([5060, 6060])('between nodes never to a port of this one: %d', (port) => {
    expect(firstWorker().nextHop(legOf(true), `sip:102@${ENGINE}:${port}`)).toBeUndefined();
  });

  test('of anybody else never there: back the way the peer came', () => {
    expect(firstWorker().nextHop(legOf(false), SIBLING)).toBeUndefined();
  });
});

describe('where requests within a dialog go whose phone had a connection that has ended', () => {
  const AT_HOME = 'sip:101@192.168.1.10:5060';
  const [HERE, ELSEWHERE] = ['203.0.113.20', '203.0.113.30'];
  const connection = (remoteAddress: string) => ({ reliable: true, closed: false, send: () => {}, remoteAddress });
  const binding = (callId: string, address: string, instance?: string, requestUri = AT_HOME) => ({
    ...{ callId, instance, requestUri, source: { address }, flow: connection(address) },
  });
  const itself = binding('desk', ELSEWHERE);
  const another = binding('another', ELSEWHERE);

  test.each([
    ['to where it has registered since, beside another one that writes the same Contact', 'desk', [another, itself], 1],
    ['never to that one', 'desk', [another], undefined],
    ['never to that one by its instance', 'urn:uuid:1', [binding('desk', HERE, 'urn:uuid:2')], undefined],
    ['never to one elsewhere where it had not registered', undefined, [another], undefined],
    [
      'to one at its address that has another Call-ID and Contact',
      'desk',
      [binding('new', HERE, undefined, 'sip:x')],
      0,
    ],
    ['to one at its address where it had not registered', undefined, [binding('desk', HERE, 'urn:uuid:2')], 0],
  ] as const)('%s', (_, owned, bindings, which) => {
    const peers = new Peers({
      served: { isOwnHost: () => false },
      peers: { isPeerAddress: () => false },
      registrations: { bindingsOfOwner: () => bindings },
    } as unknown as PeersOptions);
    const leg = {
      options: { owner: { tenant: 'acme', number: '101', phone: owned } },
      dialog: { remoteTarget: AT_HOME },
      destination: { ...connection(HERE), closed: true },
    } as unknown as AddressedLeg;
    expect(peers.nextHop(leg, AT_HOME)).toBe(which === undefined ? undefined : bindings[which]?.flow);
  });
});

describe('where requests within a dialog may come from', () => {
  function established() {
    const invite = phone.call('18005550199');
    a.answers(a.took('INVITE'), 200, 'OK', {}, SDP);
    phone.final(invite);
    return a.took('INVITE');
  }

  test('from any address of the trunk', () => {
    const invite = established();
    const other = world.agent('192.0.2.222');
    expect(other.ask(other.request('BYE', 'sip:engine', fieldsOf(invite)), 20).status).toBe(200);
    phone.answer(phone.took('BYE'), 200, 'OK');
  });

  test('not from another trunk, another phone or a stranger, though it knows every tag: 481, and the call goes on', () => {
    const invite = established();
    world.phone('102', '203.0.113.2');
    for (const address of [CARRIER_B, '203.0.113.2', '198.51.100.66']) {
      const other = world.agent(address);
      expect(other.ask(other.request('BYE', 'sip:engine', fieldsOf(invite)), 20).status).toBe(481);
    }
    expect(world.held().calls).toBe(1);
    a.sends(a.withinOf(invite, 'BYE'));
    phone.answer(phone.took('BYE'), 200, 'OK');
  });

  test('a phone that changed networks ends its call once it has registered from the new one', () => {
    const invite = phone.call('18005550199');
    a.answers(a.took('INVITE'), 200, 'OK', {}, SDP);
    const final = phone.final(invite);
    if (final === undefined) throw new Error('not answered');
    const moved = world.phone('101', '203.0.113.77');
    const bye = moved.within(invite, final, 'BYE');
    expect(moved.ask(bye, 20).status).toBe(200);
    a.answer(a.took('BYE'), 200, 'OK');
  });
});

describe('fields of the tenant’s own for a trunk', () => {
  test.each([
    ['acme', CARRIER_A_ID, ['mine']],
    ['acme', 'gone', []],
    ['gone', CARRIER_A_ID, []],
    // The half of a call whose other half is at another node.
    [undefined, CARRIER_A_ID, ['mine', '14155550200']],
  ])(
    'a tenant or trunk that is served no more has nobody to ask whose a number is: %s, %s: %j',
    (tenant, trunkId, told) => {
      const kept: unknown[] = [];
      const served = { directory: provisioningOf() };
      const peers = new Peers({ served, observer: { onNumberKept: (event: unknown) => kept.push(event) } } as never);
      const call = { record: { id: '1', facts: { tenant } } } as unknown as RoutedCall;
      const values = ['mine', '14155550200'];
      expect(peers.relayable({ name: 'X-Account', values, call, taker: { trunkId }, sender: undefined })).toEqual(told);
      expect(peers.relayable({ name: 'X-Account', values, call, taker: {}, sender: undefined })).toEqual(values);
      expect(kept).toHaveLength(told[0] === 'mine' && told.length === 1 ? 1 : 0);
    },
  );
});

describe('credentials of a trunk within its calls', () => {
  test('those that it is provisioned with, one client for all its calls', () => {
    const peers = new Peers({ served: world.engine, trunks: world.engine.trunks } as unknown as PeersOptions);
    const gateway = peers.credentials(GATEWAY_ID);
    expect(gateway).toBeDefined();
    expect(peers.credentials(GATEWAY_ID)).toBe(gateway);
    expect(peers.credentials('999999999')).toBe(undefined);
  });
});

/** Header fields of a request of the called side, with the tags right. */
function fieldsOf(invite: SipRequest) {
  return {
    From: `${invite.headers.valueNamed('To')};tag=peer-${CARRIER_A}`,
    To: invite.headers.valueNamed('From'),
    'Call-ID': invite.callId(),
    CSeq: '1 BYE',
  };
}
