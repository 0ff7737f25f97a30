import { expect, test } from 'vitest';
import { HeaderId, type SipResponse } from '../../src/sip/message/index.ts';
import { type Party, type Sent, sdp, World } from './world.ts';

const RELIABLE = [
  [HeaderId.Require, '100rel'],
  [HeaderId.RSeq, '7001'],
] as const;

function prack(party: Party, sent: Sent, response: SipResponse, body?: string): Sent {
  const rack = `${response.headers.value(HeaderId.RSeq)} ${sent.request.cseq().sequence} INVITE`;
  const dialog = party.dialogs.find((each) => each.remoteTag === response.toTag());
  return party.send('PRACK', { headers: [[HeaderId.RAck, rack]], ...(body !== undefined && { body }) }, dialog);
}

test('RFC 3262: a reliable 183 is relayed reliably with this engine’s RSeq; the caller’s PRACK becomes the callee’s, and its 200 comes back', () => {
  const world = new World();
  const { a, b } = world;
  const sent = a.call({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
  world.run();
  b.answer(b.invite, 183, { body: sdp('early'), headers: RELIABLE });
  world.run();
  const early = sent.responses.at(-1);
  expect(early?.headers.value(HeaderId.Require)).toBe('100rel');
  expect(early?.body).toBe(sdp('early'));
  expect(b.requests('PRACK')).toHaveLength(0);
  const acknowledged = prack(a, sent, early as SipResponse);
  world.run();
  expect(b.requests('PRACK')[0]?.headers.value(HeaderId.RAck)).toBe('7001 1 INVITE');
  expect(acknowledged.final?.status).toBe(200);
  b.answer(b.invite, 200);
  world.run();
  expect(sent.final?.status).toBe(200);
  a.send('BYE');
  expect(world.settles()).toBe(true);
});

test('§5: an offer in a reliable provisional response is answered in PRACK, end to end; the ACK then carries nothing', () => {
  const world = new World();
  const { a, b } = world;
  const sent = a.call({ headers: [[HeaderId.Supported, '100rel']] });
  world.run();
  b.answer(b.invite, 183, { body: sdp('offer'), headers: RELIABLE });
  world.run();
  prack(a, sent, sent.responses.at(-1) as SipResponse, sdp('answer'));
  world.run();
  expect(b.requests('PRACK')[0]?.body).toBe(sdp('answer'));
  b.answer(b.invite, 200);
  world.run();
  expect(b.acks[0]?.body).toBe('');
  a.send('BYE');
  expect(world.settles()).toBe(true);
});

test('a PRACK may offer again, and the answer is in its 200', () => {
  const world = new World();
  const { a, b } = world;
  const sent = a.call({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
  world.run();
  b.answer(b.invite, 183, { body: sdp('early'), headers: RELIABLE });
  world.run();
  b.onRequest = (transaction, request) => {
    if (request.method === 'PRACK') b.answer(transaction, 200, { body: sdp('second-answer') });
  };
  const second = prack(a, sent, sent.responses.at(-1) as SipResponse, sdp('second-offer'));
  world.run();
  expect(b.requests('PRACK')[0]?.body).toBe(sdp('second-offer'));
  expect(second.final?.body).toBe(sdp('second-answer'));
  b.answer(b.invite, 200);
  world.run();
  a.send('BYE');
  expect(world.settles()).toBe(true);
});

test('§4: the callee’s retransmissions are relayed once, and a response out of order is not relayed', () => {
  const world = new World();
  const { a, b } = world;
  const sent = a.call({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
  world.run();
  b.answer(b.invite, 183, { body: sdp('early'), headers: RELIABLE });
  b.answer(b.invite, 183, { body: sdp('early'), headers: RELIABLE });
  b.answer(b.invite, 180, {
    headers: [
      [HeaderId.Require, '100rel'],
      [HeaderId.RSeq, '7003'],
    ],
  });
  world.run();
  expect(sent.statuses.filter((status) => status > 100)).toEqual([183]);
  sent.transaction?.cancel();
  b.invite.user = { onCancel: () => b.answer(b.invite, 487) };
  expect(world.settles()).toBe(true);
});

test('a caller without 100rel gets the response unreliably, and this engine sends the PRACK', () => {
  const world = new World();
  const { a, b } = world;
  const sent = a.call();
  world.run();
  b.answer(b.invite, 183, { body: sdp('early'), headers: RELIABLE });
  world.run();
  expect(sent.responses.at(-1)?.headers.has(HeaderId.RSeq)).toBe(false);
  expect(sent.responses.at(-1)?.headers.has(HeaderId.Require)).toBe(false);
  expect(b.requests('PRACK')[0]?.headers.value(HeaderId.RAck)).toBe('7001 1 INVITE');
  b.answer(b.invite, 200, { body: sdp('early') });
  world.run();
  a.send('BYE');
  expect(world.settles()).toBe(true);
});

test.each([
  ['without 100rel, and the callee’s was acknowledged', RELIABLE, []],
  ['without 100rel, and the callee’s was not reliable', [], []],
  ['with 100rel, and the callee’s was not reliable', [], [[HeaderId.Supported, '100rel']]],
] as const)(
  'RFC 3261 §13.2.1: a caller %s, gets the description of the 183 again in a 200 that has none',
  (_which, reliable, supported) => {
    const world = new World();
    const { a, b } = world;
    const sent = a.call({ body: sdp('caller'), headers: supported });
    world.run();
    b.answer(b.invite, 183, { body: sdp('early'), headers: reliable });
    world.run();
    b.answer(b.invite, 180);
    world.run();
    expect(sent.responses.at(-1)?.body).toBe('');
    b.answer(b.invite, 200);
    world.run();
    expect(sent.final?.body).toBe(sdp('early'));
    expect(sent.final?.headers.value(HeaderId.ContentType)).toBe('application/sdp');
    a.send('BYE');
    expect(world.settles()).toBe(true);
  },
);

test('a callee is not offered 100rel when it would have to offer and the caller could not answer in PRACK', () => {
  const world = new World();
  const { a, b } = world;
  const sent = a.call({});
  world.run();
  expect(b.invite.request.headers.value(HeaderId.Supported)).not.toContain('100rel');
  sent.transaction?.cancel();
  world.run(300);
  b.answer(b.invite, 486);
  expect(world.settles()).toBe(true);
});

test('§3: a caller that requires 100rel gets every provisional response reliably, and the 2xx waits for the PRACK of a description', () => {
  const world = new World();
  const { a, b } = world;
  const sent = a.call({ body: sdp('caller'), headers: [[HeaderId.Require, '100rel']] });
  world.run();
  b.answer(b.invite, 183, { body: sdp('early') });
  world.run();
  const early = sent.responses.at(-1) as SipResponse;
  expect(early.headers.has(HeaderId.RSeq)).toBe(true);
  b.answer(b.invite, 200, { body: sdp('early') });
  world.run();
  expect(sent.final).toBeUndefined();
  const acknowledged = prack(a, sent, early);
  world.run();
  expect(acknowledged.final?.status).toBe(200);
  expect(sent.final?.status).toBe(200);
  a.send('BYE');
  expect(world.settles()).toBe(true);
});

test('§5: a caller that requires 100rel and offers nothing is offered nothing by a description that the callee did not send reliably', () => {
  const world = new World();
  const { a, b } = world;
  const sent = a.call({ headers: [[HeaderId.Require, '100rel']] });
  world.run();
  b.answer(b.invite, 183, { body: sdp('early') });
  world.run();
  const early = sent.responses.at(-1) as SipResponse;
  expect([early.headers.has(HeaderId.RSeq), early.body]).toEqual([true, '']);
  const acknowledged = prack(a, sent, early);
  world.run();
  expect(acknowledged.final?.status).toBe(200);
  b.answer(b.invite, 200, { body: sdp('offer') });
  world.run();
  expect(sent.final?.body).toBe(sdp('offer'));
  a.send('BYE');
  expect(world.settles()).toBe(true);
});

test('§3: without any PRACK the INVITE is refused with a 5xx after 64*T1 and the callee is cancelled', () => {
  const world = new World();
  const { a, b, network } = world;
  const sent = a.call({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
  world.run();
  b.answer(b.invite, 183, { body: sdp('early'), headers: RELIABLE });
  b.invite.user = { onCancel: () => b.answer(b.invite, 487) };
  world.run(40_000);
  expect(sent.final?.status).toBe(504);
  expect(network.count('engine>b CANCEL')).toBe(1);
  expect(world.settles()).toBe(true);
  expect(world.record.endReason).toBe('no-prack');
});

test('the callee hangs up while its 2xx waits for the caller’s PRACK: the caller is refused, nothing is left', () => {
  const world = new World();
  const { a, b } = world;
  const sent = a.call({ body: sdp('caller'), headers: [[HeaderId.Require, '100rel']] });
  world.run();
  b.answer(b.invite, 183, { body: sdp('early') });
  world.run();
  b.answer(b.invite, 200, { body: sdp('early') });
  world.run();
  b.send('BYE');
  world.run();
  expect(sent.final?.status).toBeGreaterThanOrEqual(400);
  expect(world.settles()).toBe(true);
});

test('RFC 3311 §5.1: an UPDATE in an early dialog whose offer was answered reliably crosses both ways', () => {
  const world = new World();
  const { a, b } = world;
  const sent = a.call({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
  world.run();
  b.answer(b.invite, 183, { body: sdp('early'), headers: RELIABLE });
  world.run();
  prack(a, sent, sent.responses.at(-1) as SipResponse);
  world.run();
  for (const party of [a, b]) {
    party.onRequest = (transaction, request) => {
      if (request.method === 'UPDATE') party.answer(transaction, 200, { body: sdp('updated') });
    };
  }
  const fromA = a.send('UPDATE', { body: sdp('caller') });
  world.run();
  const fromB = b.send('UPDATE', { body: sdp('early') });
  world.run();
  expect(fromA.final?.body).toBe(sdp('updated'));
  expect(fromB.final?.body).toBe(sdp('updated'));
  b.answer(b.invite, 200);
  world.run();
  a.send('BYE');
  expect(world.settles()).toBe(true);
});

test('RFC 3311 §5.2: an UPDATE with an offer before the INVITE’s own was answered is 500 with Retry-After', () => {
  const world = new World();
  const { a, b } = world;
  const sent = a.call();
  world.run();
  b.answer(b.invite, 183, { body: sdp('early') });
  world.run();
  const update = a.send('UPDATE', { body: sdp('caller') });
  world.run();
  expect(update.final?.status).toBe(500);
  expect(update.final?.headers.has(HeaderId.RetryAfter)).toBe(true);
  b.answer(b.invite, 486);
  world.run();
  expect(sent.final?.status).toBe(486);
  expect(world.settles()).toBe(true);
});
