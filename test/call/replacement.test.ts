import { expect, test } from 'vitest';
import { HeaderId } from '../../src/sip/message/index.ts';
import { type Party, type Sent, scene, sdp, type World } from './world.ts';

function replaces(dialog: Party['dialog'], suffix = ''): string {
  // As the replaced party names its dialog: the engine's tag is the to-tag.
  return `${dialog.callId};to-tag=${dialog.remoteTag};from-tag=${dialog.localTag}${suffix}`;
}

function take(world: World, dialog: Party['dialog'], body: string | undefined = sdp('c'), suffix = ''): Sent {
  const sent = world.c.call({
    headers: [
      [HeaderId.Replaces, replaces(dialog, suffix)],
      [HeaderId.Require, 'replaces'],
    ],
    ...(body !== undefined && { body }),
  });
  world.run();
  return sent;
}

function answersReinvites(party: Party): void {
  party.onRequest = (transaction, request) => {
    if (request.method === 'INVITE' && request.toTag() !== undefined)
      party.answer(transaction, 200, { body: sdp('renegotiated') });
  };
}

test('RFC 3891 §3: an INVITE with Replaces takes the place of a party: the other one is re-INVITEd with its offer, the replaced one gets a BYE', () => {
  const { world, a, b, c } = scene();
  world.connect();
  answersReinvites(a);
  const sent = take(world, b.dialog);
  expect(a.invite.request.body).toBe(sdp('c'));
  expect(sent.final?.status).toBe(200);
  expect(sent.final?.body).toBe(sdp('renegotiated'));
  expect(b.requests('BYE')).toHaveLength(1);
  expect(world.engine.calls.counters.live).toBe(1);
  a.sends('BYE');
  expect(c.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('without an offer the newcomer is given the other party’s, and its ACK brings the answer', () => {
  const { world, a, b, c } = scene();
  world.connect();
  answersReinvites(a);
  c.ackBody = sdp('c-answer');
  const sent = c.calls({ headers: [[HeaderId.Replaces, replaces(b.dialog)]] });
  expect(a.invite.request.body).toBe('');
  expect(sent.final?.body).toBe(sdp('renegotiated'));
  expect(a.acks.at(-1)?.body).toBe(sdp('c-answer'));
  expect(world.ends(c)).toBe(true);
});

test('§3: an unknown dialog is 481, early-only of an answered one is 486, one that may not be replaced is 403; the call goes on', () => {
  const { world, b } = scene();
  world.connect();
  const wrong = world.c.call({ body: sdp('c'), headers: [[HeaderId.Replaces, 'nobody;to-tag=1;from-tag=2']] }, 'wrong');
  const early = take(world, b.dialog, sdp('c'), ';early-only');
  expect(wrong.final?.status).toBe(481);
  expect(early.final?.status).toBe(486);
  world.engine.router = { referred: () => ({ status: 603 }), mayReplace: () => false };
  expect(take(world, b.dialog).final?.status).toBe(403);
  expect(b.requests('BYE')).toHaveLength(0);
  expect(world.ends()).toBe(true);
});

test.each(['confirmed', 'early'])(
  'RFC 4028 §9: who takes the place of a party in a %s dialog is granted the session timer that it asks for',
  (state) => {
    const { world, a, b, c } = scene();
    if (state === 'confirmed') world.connect();
    else {
      a.calls();
      b.answer(b.invite, 180);
      b.invite.user = { onCancel: () => b.answer(b.invite, 487) };
      world.run();
    }
    answersReinvites(a);
    const timer = (seconds: number): [HeaderId, string][] => [
      [HeaderId.Replaces, replaces(b.dialog)],
      [HeaderId.Supported, 'timer'],
      [HeaderId.SessionExpires, String(seconds)],
    ];
    const tooShort = c.calls({ body: sdp('c'), headers: timer(60) }, 'short');
    expect([tooShort.final?.status, tooShort.final?.headers.value(HeaderId.MinSE)]).toEqual([422, '90']);
    const sent = c.calls({ body: sdp('c'), headers: timer(180) }, 'long');
    expect(sent.final?.headers.value(HeaderId.SessionExpires)).toBe('180;refresher=uac');
    expect(sent.final?.headers.value(HeaderId.Require)).toBe('timer');
    // §10: nobody refreshes.
    world.run(181_000);
    expect(c.requests('BYE')).toHaveLength(1);
    expect(world.settles()).toBe(true);
    expect(world.record.endReason).toBe('session-expired');
  },
);

test('RFC 3261 §13.2.1: a newcomer that offers nothing is refused where the other party’s answer holds no offer', () => {
  const { world, a, b, c } = scene();
  world.connect();
  a.onRequest = (transaction, request) => {
    if (request.method === 'INVITE') a.answer(transaction, 200);
  };
  const sent = c.calls({ headers: [[HeaderId.Replaces, replaces(b.dialog)]] });
  expect(sent.final?.status).toBe(503);
  expect(a.acks).toHaveLength(1);
  expect(b.requests('BYE')).toHaveLength(0);
  expect(world.ends()).toBe(true);
});

test('a replacement that the other party refuses changes nothing', () => {
  const { world, a, b } = scene();
  world.connect();
  a.onRequest = (transaction, request) => {
    if (request.method === 'INVITE') a.answer(transaction, 488);
  };
  expect(take(world, b.dialog).final?.status).toBe(488);
  expect(b.requests('BYE')).toHaveLength(0);
  a.sends('BYE');
  expect(b.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('§3, pickup: a ringing call is taken by another phone; the ringing one is cancelled', () => {
  const { world, a, b, c, network } = scene();
  const call = a.calls();
  b.answer(b.invite, 180);
  b.invite.user = { onCancel: () => b.answer(b.invite, 487) };
  world.run();
  const sent = take(world, b.dialog, sdp('c'), ';early-only');
  expect(sent.final?.body).toBe(sdp('caller'));
  expect(call.final?.body).toBe(sdp('c'));
  expect(network.count('engine>b CANCEL')).toBe(1);
  c.sends('BYE');
  expect(a.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
});

test('§3: the caller’s own early dialog cannot be replaced; descriptions with other media lines are 488', () => {
  const { world, a, b } = scene();
  const call = a.calls();
  b.answers(180);
  expect(take(world, a.dialog).final?.status).toBe(481);
  const video = `${sdp('c')}m=video 5000 RTP/AVP 96\r\n`;
  expect(take(world, b.dialog, video).final?.status).toBe(488);
  b.answers(486);
  expect(call.final?.status).toBe(486);
  expect(world.settles()).toBe(true);
});
