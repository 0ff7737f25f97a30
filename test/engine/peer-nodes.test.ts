import { describe, expect, test } from 'vitest';
import { NO_PEERS, PASS_HEADER, PeerPass } from '../../src/engine/peer-nodes.ts';
import { parseMessage, type SipRequest } from '../../src/sip/message/index.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { binding } from '../store/records.ts';
import { SharedMemory } from './lives.ts';
import { CARRIER_A, ENGINE, SDP, World } from './world.ts';

const SECRET = Buffer.alloc(32, 1);
const PEER = '192.0.2.77';
const URI = 'sip:102@203.0.113.2:5060';
const WANTED = { aor: '102@acme.example.com', contact: URI };

function passes(secret: Uint8Array = SECRET) {
  const clock = new VirtualScheduler();
  const peers = {
    ...NO_PEERS,
    isPeerAddress: (address: string) => address === PEER,
  };
  return { clock, pass: new PeerPass({ node: 'node-2', secret, clock, peers }) };
}

const carrying = (value: string, uri = URI) =>
  parseMessage(`INVITE ${uri} SIP/2.0\r\n${PASS_HEADER}: ${value}\r\n\r\n`) as SipRequest;

describe('the pass between nodes', () => {
  test('names the sender and the binding, from the address of a node', () => {
    const { pass } = passes();
    const [name, value] = pass.write(URI, WANTED);
    expect(name).toBe(PASS_HEADER);
    expect(pass.read(carrying(value), PEER)).toEqual({ node: 'node-2', wanted: WANTED });
  });

  test('names the contact by itself: the Request-URI of a call to a gateway is the number, not its contact', () => {
    const { pass } = passes();
    const uri = 'sip:442079460000@gateway.example.com';
    const [, value] = pass.write(uri, WANTED);
    expect(pass.read(carrying(value, uri), PEER)?.wanted).toEqual(WANTED);
    expect(pass.read(carrying(value), PEER)).toBe(undefined);
  });

  test('names a trunk and the Contact that its provider is to see; it is no pass to a binding of that name', () => {
    const { pass } = passes();
    const wanted = { trunkId: '100000001', contact: '<sip:1@198.51.100.1:5060>' };
    const [, value] = pass.write(URI, wanted);
    expect(pass.read(carrying(value), PEER)).toEqual({ node: 'node-2', wanted });
    expect(pass.read(carrying(value.replace(';trunk=', ';aor=')), PEER)).toBe(undefined);
    expect(pass.read(carrying(value.replace(/trunk=[^;]+/, 'trunk=Mg')), PEER)).toBe(undefined);
  });

  test('of a node that is not known yet is told for a second, and is no pass', () => {
    const { pass, clock } = passes();
    const [, value] = pass.write(URI, WANTED);
    const isNew = (address: string, text = value) => pass.isOfNewNode(carrying(text), address);
    expect([
      isNew('192.0.2.78'),
      isNew(PEER),
      isNew('192.0.2.78', value.slice(0, -1)),
      pass.read(carrying(value), '192.0.2.78'),
    ]).toEqual([true, false, false, undefined]);
    expect(passes(Buffer.alloc(32, 2)).pass.isOfNewNode(carrying(value), '192.0.2.78')).toBe(false);
    clock.advance(2_000);
    expect(isNew('192.0.2.78')).toBe(false);
  });

  test('is nothing from another address, for another target, later than half a minute, or with another secret', () => {
    const { pass, clock } = passes();
    const [, value] = pass.write(URI, WANTED);
    expect(pass.read(carrying(value), '198.51.100.66')).toBe(undefined);
    expect(pass.read(carrying(value, 'sip:103@203.0.113.3'), PEER)).toBe(undefined);
    expect(passes(Buffer.alloc(32, 2)).pass.read(carrying(value), PEER)).toBe(undefined);
    clock.advance(30_000);
    expect(pass.read(carrying(value), PEER)).not.toBe(undefined);
    clock.advance(1_000);
    expect(pass.read(carrying(value), PEER)).toBe(undefined);
  });

  test.each([
    ['another node', (value: string) => value.replace('node-2', 'node-3')],
    ['another time', (value: string) => value.replace(/at=(\d+)/, (_, at) => `at=${Number(at) + 1}`)],
    [
      'another address of record',
      (value: string) => value.replace(/aor=[^;]+/, `aor=${Buffer.from('101@acme.example.com').toString('base64url')}`),
    ],
    [
      'another contact',
      (value: string) =>
        value.replace(/contact=[^;]+/, `contact=${Buffer.from('sip:x@203.0.113.9').toString('base64url')}`),
    ],
    ['another MAC', (value: string) => value.replace(/mac=./, (start) => (start === 'mac=0' ? 'mac=1' : 'mac=0'))],
    ['a short MAC', (value: string) => value.slice(0, -2)],
    ['something behind', (value: string) => `${value};x`],
    ['nothing', () => ''],
  ])('is nothing with %s', (_what, alter) => {
    const { pass } = passes();
    expect(pass.read(carrying(alter(pass.write(URI, WANTED)[1])), PEER)).toBe(undefined);
  });
});

test('a pass that a stranger makes up gets it a challenge, and reaches no phone and no carrier', async () => {
  const world = await World.start();
  const phone = world.phone('102', '203.0.113.2');
  const stranger = world.agent('198.51.100.66');
  const [, forged] = passes().pass.write(`sip:102@${phone.host}`, WANTED);
  for (const method of ['INVITE', 'MESSAGE']) {
    const request = stranger.request(
      method,
      `sip:102@${phone.host}`,
      { [PASS_HEADER]: forged },
      method === 'INVITE' ? SDP : '',
    );
    const response = stranger.ask(request);
    expect(response.status).toBe(407);
    if (method === 'INVITE') stranger.ack(request, response);
  }
  expect(phone.requests()).toEqual([]);
  phone.call('18005550199', { [PASS_HEADER]: forged });
  const sent = world.network.packets.filter(({ to, text }) => to === `${CARRIER_A}:5060` && text.startsWith('INVITE'));
  expect(sent).toHaveLength(1);
  expect(sent[0]?.text).not.toContain(PASS_HEADER);
  expect(sent[0]?.from).toBe(`${ENGINE}:5060`);
});

describe('a node whose clock is an hour ahead', () => {
  /** As another node of the store wrote it. */
  const clock = new VirtualScheduler();

  const there = (world: World) => world.phone('101', '203.0.113.1');

  async function ahead() {
    const peers = { ...NO_PEERS, isPeerAddress: (address: string) => address === PEER };
    const callStore = new SharedMemory().of('ahead', () => 3_600_000);
    const world = await World.start({ engine: { peers, callStore, nonceSecret: SECRET } });
    world.scheduler.shiftWall(3_600_000);
    return world;
  }

  test('takes the pass of the others: a call goes to its phone', async () => {
    const world = await ahead();
    const bob = world.phone('102', '203.0.113.2');
    const node = world.agent(PEER);
    const uri = `sip:102@${bob.host}`;
    const wanted = { ...WANTED, contact: uri };
    const [, value] = new PeerPass({ node: 'node-2', secret: SECRET, clock, peers: NO_PEERS }).write(uri, wanted);
    node.send(node.request('INVITE', uri, { [PASS_HEADER]: value }, SDP));
    world.run(100);
    expect(bob.requests('INVITE')).toHaveLength(1);
  });

  test('calls a phone that registered at another, for as long as it is registered there', async () => {
    const world = await ahead();
    const aor = WANTED.aor;
    const bob = world.agent('203.0.113.2');
    const atMs = clock.wallMs();
    const place = { transport: 'udp', address: '203.0.113.2', port: 5060 } as const;
    const times = { refreshedAtWallMs: atMs, expiresAtWallMs: atMs + 600_000 };
    const registered = { contactUri: URI, path: [], source: place, target: place, node: 'node-2', ...times };
    world.engine.registrations.registrar.applyRemote(aor, [binding(aor, registered)]);
    const alice = there(world);
    alice.call('102');
    bob.answer(bob.took('INVITE'), 486, 'Busy Here');
    expect(alice.responses().at(-1)?.status).toBe(486);
    world.run(600_000);
    alice.call('102');
    expect(alice.responses().at(-1)?.status).toBe(480);
  });

  test('takes the nonces of the others, and they its own', async () => {
    const [one, other] = [await World.start({ engine: { nonceSecret: SECRET } }), await ahead()];
    for (const [asked, told] of [
      [one, other],
      [other, one],
    ] as const) {
      const asking = there(asked);
      const challenge = asking.ask(asking.invite('102'));
      expect(challenge.status).toBe(407);
      const phone = there(told);
      expect(phone.ask(phone.authorized(phone.invite('102'), challenge, phone.client)).status).toBe(480);
    }
  });
});
