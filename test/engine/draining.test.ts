import { expect, test } from 'vitest';
import { NO_PEERS, PASS_HEADER, type PeerNodes } from '../../src/engine/peer-nodes.ts';
import { aorKey } from '../../src/registrar/index.ts';
import { HeaderId } from '../../src/sip/message/index.ts';
import { CARRIER_A, SDP, World } from './world.ts';

const OTHER = { host: '198.51.100.2', port: 5060 };
const peers: PeerNodes = { ...NO_PEERS, publicAddresses: (transport) => (transport === 'udp' ? [OTHER] : []) };

async function draining(given: PeerNodes) {
  const world = await World.start({ engine: { peers: given } });
  const [alice, bob, carol] = [
    world.phone('101', '203.0.113.1'),
    world.phone('102', '203.0.113.2'),
    world.phone('103', '203.0.113.3'),
  ];
  const up = alice.call('102');
  bob.answer(bob.took('INVITE'), 200, 'OK', {}, SDP);
  alice.final(up);
  let isOver = false;
  void world.engine.drain(60_000).then(() => {
    isOver = true;
  });
  return { world, alice, bob, carol, up, isOver: () => isOver };
}

test('with other nodes: calls of the first moments are served, later ones sent to another node', async () => {
  const { world, bob, carol } = await draining(peers);
  carol.call('102');
  expect(bob.requests('INVITE')).toHaveLength(2);
  world.run(6_000);
  const later = carol.call('102');
  const told = carol.responses(later.callId()).at(-1);
  expect(told?.status).toBe(302);
  expect(told?.headers.value(HeaderId.Contact)).toBe('<sip:102@198.51.100.2:5060>');
  expect(bob.requests('INVITE')).toHaveLength(2);
  expect(carol.ask(carol.request('OPTIONS', 'sip:198.51.100.1')).status).toBe(503);
});

test('with other nodes: once its calls are left to them it begins none, whatever it would have served before', async () => {
  const { world, bob, carol } = await draining({ ...peers, isPeerAddress: () => true });
  const asked = bob.requests('INVITE').length;
  const closed = world.engine.close();
  const late = carol.call('102');
  expect(carol.responses(late.callId()).at(-1)?.status).toBe(302);
  const ofNode = carol.request('INVITE', 'sip:102@acme.example.com', { [PASS_HEADER]: 'two' }, SDP);
  expect(carol.ask(ofNode).status).toBe(503);
  world.run(5_000);
  await closed;
  expect(bob.requests('INVITE')).toHaveLength(asked);
});

test('with other nodes: once its calls are left to them a carrier is told to try its next address, not to follow', async () => {
  const { world, bob } = await draining(peers);
  const asked = bob.requests('INVITE').length;
  const closed = world.engine.close();
  const carrier = world.agent(CARRIER_A);
  const fields = { From: '<sip:14155550199@carrier.example>;tag=c' };
  expect(carrier.ask(carrier.request('INVITE', 'sip:14155550102@198.51.100.1', fields, SDP)).status).toBe(503);
  world.run(5_000);
  await closed;
  expect(bob.requests('INVITE')).toHaveLength(asked);
});

test('with other nodes: phones register, for a short time, so that they come again at another', async () => {
  const { world, carol } = await draining(peers);
  carol.register({ Expires: '3600' });
  const [binding] = world.engine.registrations.registrar.bindings(aorKey('103', 'acme.example.com'));
  expect((binding?.expiresAtMs ?? 0) - world.scheduler.nowMs()).toBeLessThanOrEqual(60_000);
});

test('alone: what starts something new is refused, as nobody else could serve it', async () => {
  const { carol } = await draining(NO_PEERS);
  const call = carol.call('102');
  expect(carol.responses(call.callId()).at(-1)?.status).toBe(503);
});

test('it ends with its last call', async () => {
  const { world, alice, bob, up, isOver } = await draining(peers);
  world.run(1_000);
  await world.turn();
  expect(isOver()).toBe(false);
  const answer = alice.responses(up.callId()).findLast(({ status }) => status === 200);
  if (answer === undefined) throw new Error('no answer');
  alice.send(alice.within(up, answer, 'BYE'));
  world.run(50);
  bob.answer(bob.took('BYE'), 200);
  world.run(100);
  await world.turn();
  expect(isOver()).toBe(true);
});
