import { expect, test } from 'vitest';
import { HeaderId } from '../../src/sip/message/index.ts';
import { relayed } from '../kit/fake-relay.ts';
import { answersReinvites, RelayedWorld, wish } from './relayed-world.ts';
import { sdp } from './world.ts';

/** `b` takes no re-INVITE; everybody else is a phone. */
const steadyWorld = (ports: readonly number[] = [1]) => {
  const world = new RelayedWorld(ports, wish('srtp', { steady: true }), wish('auto'));
  world.b.onRequest = (_, request) => {
    if (request.toTag() !== undefined && request.method !== 'BYE') throw new Error(`${request.method} came to b`);
  };
  return world;
};

const own = (direction: string) => `${sdp('callee')}a=${direction}\r\n`;

test('a re-INVITE of the other side ends here: the relay hears it, and it is answered with what the steady side has described', () => {
  const world = steadyWorld();
  const { a, b, fake } = world;
  world.connect();
  const held = a.sends('INVITE', { body: `${sdp('a-hold')}a=sendonly\r\n` });
  expect([held.final?.status, held.final?.body]).toEqual([200, relayed(own('recvonly'))]);
  expect(fake.told.slice(2)).toEqual(['1 offer near>far-tag-b', '1 answer near>far-tag-b']);
  expect(b.invites).toHaveLength(1);
  expect(b.acks).toHaveLength(1);
  a.sends('BYE');
  // The numbers of requests that were not sent are left out (RFC 3261 §12.2.1.1).
  expect(b.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('an offer in an UPDATE, one that is asked for, and what cannot be levelled', () => {
  const world = steadyWorld();
  const { a, b, fake } = world;
  world.connect();
  const update = a.sends('UPDATE', { body: sdp('a-update') });
  expect(update.final?.body).toBe(relayed(own('sendrecv')));
  a.ackBody = sdp('a-answer');
  const asked = a.sends('INVITE', {});
  expect(asked.final?.body).toBe(relayed(own('sendrecv')));
  const before = fake.told.length;
  a.ackBody = undefined;
  const fax = a.sends('INVITE', { body: sdp('a-fax', 'image 4000 udptl t38') });
  expect(fax.final?.status).toBe(488);
  // What was agreed last is told again.
  expect(fake.told.slice(before)).toEqual([
    '1 offer near>far-tag-b',
    '1 offer far-tag-b>near',
    '1 answer far-tag-b>near',
  ]);
  expect(b.invites).toHaveLength(1);
  expect(world.ends()).toBe(true);
});

test('blind transfer: the new party joins the ports and keys that the steady side has', () => {
  const world = steadyWorld();
  const { a, b, c, fake } = world;
  world.connect();
  a.sends('REFER', { headers: [[HeaderId.ReferTo, '<sip:300@engine>']] });
  c.answers(200, { body: sdp('c-offer') });
  expect(c.acks[0]?.body).toBe(relayed(own('sendrecv')));
  expect(new Set(fake.requests.map((request) => request['call-id'])).size).toBe(1);
  const joined = fake.told.slice(2);
  expect(joined).toHaveLength(2);
  for (const line of joined) expect(line).toMatch(/^1 (offer|answer) [^>]+-far-tag-c>far-tag-b$/);
  a.sends('BYE');
  expect(fake.sessions.get(1)?.size).toBe(1);
  // And goes on as it began.
  const held = c.sends('INVITE', { body: `${sdp('c-hold')}a=inactive\r\n` });
  expect(held.final?.body).toBe(relayed(own('inactive')));
  expect(b.invites).toHaveLength(1);
  expect(world.ends(c)).toBe(true);
});

test('a transferor that hangs up at once (RFC 5589 §6) takes nothing away', () => {
  const world = steadyWorld();
  const { a, c, fake } = world;
  world.connect();
  a.sends('REFER', { headers: [[HeaderId.ReferTo, '<sip:300@engine>']] });
  a.sends('BYE');
  expect(fake.count('delete')).toBe(0);
  c.answers(200, { body: sdp('c-offer') });
  expect(c.acks[0]?.body).toBe(relayed(own('sendrecv')));
  expect(world.ends(c)).toBe(true);
});

test('a transfer that fails leaves the two as they were', () => {
  const world = steadyWorld();
  const { a, c, fake } = world;
  world.connect();
  a.sends('REFER', { headers: [[HeaderId.ReferTo, '<sip:300@engine>']] });
  const before = fake.told.length;
  // A codec that the steady side has not agreed to.
  c.answers(200, { body: sdp('c-offer', 'audio 4000 RTP/AVP 18') });
  expect(c.requests('BYE')).toHaveLength(1);
  expect(fake.told.slice(before).map((line) => line.split(' ').slice(1).join(' '))).toEqual([
    expect.stringContaining('far-tag-c>far-tag-b'),
    'offer near>far-tag-b',
    'answer near>far-tag-b',
  ]);
  const held = a.sends('INVITE', { body: sdp('a-again') });
  expect(held.final?.status).toBe(200);
  expect(world.ends()).toBe(true);
});

test('RFC 3891: whoever takes the place of its peer joins as well, and a hold works on', () => {
  const world = steadyWorld();
  const { a, b, c, fake } = world;
  world.connect();
  const { callId, remoteTag, localTag } = a.dialog;
  const replaces = [[HeaderId.Replaces, `${callId};to-tag=${remoteTag};from-tag=${localTag}`]] as const;
  const sent = c.calls({ headers: replaces, body: sdp('c') });
  expect(sent.final?.body).toBe(relayed(own('sendrecv')));
  expect(a.requests('BYE')).toHaveLength(1);
  expect(b.invites).toHaveLength(1);
  expect(fake.sessions.get(1)?.size).toBe(1);
  answersReinvites(c);
  expect(world.ends(b)).toBe(true);
});

test('the relay dies: nobody else can take its place, so that what changes is refused, and the call goes on', () => {
  const world = steadyWorld([1, 2]);
  const { a, fake } = world;
  world.connect();
  fake.dead.add(1);
  world.run(5000);
  const held = a.send('INVITE', { body: sdp('a-hold') });
  world.run(3000);
  expect(held.final?.status).toBe(503);
  expect(world.engine.calls.counters.live).toBe(1);
  a.send('BYE');
  world.run(6000);
  fake.sessions.clear();
  expect(world.settles()).toBe(true);
});
