import { expect, test } from 'vitest';
import { HeaderId } from '../../src/sip/message/index.ts';
import { type Party, type Sent, scene, sdp, type World } from './world.ts';

const HOLD = `${sdp('callee')}a=sendonly\r\n`;
const ALLOWS_UPDATE = [[HeaderId.Allow, 'INVITE, UPDATE']] as const;

/** B has answered and has its ACK; A's ACK is not there yet. */
function answeredTooFast(): { world: World; call: Sent } {
  const { world, a, b } = scene();
  a.ackBody = null;
  const call = a.calls({ body: sdp('caller'), headers: ALLOWS_UPDATE });
  b.answers(200, { body: sdp('callee'), headers: ALLOWS_UPDATE });
  expect(b.acks).toHaveLength(1);
  a.onRequest = (transaction, request) => {
    if (request.method === 'INVITE' || request.method === 'UPDATE')
      a.answer(transaction, 200, { body: sdp('caller-changed') });
  };
  return { world, call };
}

function acknowledge(party: Party, call: Sent): void {
  party.endpoint.sendAck(party.dialog.createAck(call.request), { transport: 'udp', address: 'engine', port: 5060 });
}

test('§14.2: a re-INVITE that comes before the other party’s ACK waits for it behind a 100, and then crosses', () => {
  const { world, call } = answeredTooFast();
  const { a, b } = world;
  const sent = b.send('INVITE', { body: HOLD });
  world.run(300);
  expect(sent.statuses).toEqual([100]);
  expect(a.requests('INVITE')).toHaveLength(0);
  a.ackBody = undefined;
  acknowledge(a, call);
  world.run();
  expect(a.invite.request.body).toBe(HOLD);
  expect(sent.final?.status).toBe(200);
  expect(sent.final?.body).toBe(sdp('caller-changed'));
  expect(world.ends()).toBe(true);
});

test('an UPDATE with an offer waits for that ACK just the same', () => {
  const { world, call } = answeredTooFast();
  const { a, b } = world;
  const sent = b.send('UPDATE', { body: HOLD });
  world.run(300);
  expect(sent.statuses).toEqual([]);
  a.ackBody = undefined;
  acknowledge(a, call);
  world.run();
  expect(a.requests('UPDATE')[0]?.body).toBe(HOLD);
  expect(sent.final?.body).toBe(sdp('caller-changed'));
  expect(world.ends()).toBe(true);
});

test('it waits a few seconds at most: then 491, and the session is as it was', () => {
  const { world, call } = answeredTooFast();
  const { a, b } = world;
  const sent = b.send('INVITE', { body: HOLD });
  world.run(4200);
  expect(sent.final?.status).toBe(491);
  a.ackBody = undefined;
  acknowledge(a, call);
  world.run();
  const again = b.sends('INVITE', { body: HOLD });
  expect(again.final?.status).toBe(200);
  expect(world.ends()).toBe(true);
});

test('a second one meanwhile is 500 (§14.2), and CANCEL ends the first with 487', () => {
  const { world, call } = answeredTooFast();
  const { a, b } = world;
  const first = b.send('INVITE', { body: HOLD });
  world.run(50);
  const second = b.send('INVITE', { body: HOLD });
  world.run(50);
  expect(second.final?.status).toBe(500);
  first.transaction?.cancel();
  world.run(50);
  expect(first.final?.status).toBe(487);
  a.ackBody = undefined;
  acknowledge(a, call);
  world.run();
  expect(a.requests('INVITE')).toHaveLength(0);
  expect(world.ends()).toBe(true);
});

test('glare stays glare: a re-INVITE of the party that owes the ACK is no ACK, and whoever waits gets 491 or goes on', () => {
  const { world, call } = answeredTooFast();
  const { a, b } = world;
  const waiting = b.send('INVITE', { body: HOLD });
  world.run(50);
  const crossing = a.send('INVITE', { body: HOLD });
  world.run(50);
  expect(crossing.final?.status).toBe(491);
  a.ackBody = undefined;
  acknowledge(a, call);
  world.run();
  expect(waiting.final?.status).toBe(200);
  expect(world.ends()).toBe(true);
});

test('§15.1.2: whichever side hangs up meanwhile, the waiting re-INVITE is answered 487 and nothing is left', () => {
  for (const who of ['a', 'b'] as const) {
    const { world } = answeredTooFast();
    const sent = world.b.send('INVITE', { body: HOLD });
    world.run(50);
    world[who].send('BYE');
    world.run(50);
    expect(sent.final?.status).toBe(487);
    expect(world.settles()).toBe(true);
  }
});
