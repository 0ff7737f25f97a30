import { expect, test } from 'vitest';
import { HeaderId } from '../../src/sip/message/index.ts';
import { branchTo, legOptions, type Party, scene, sdp, stages, World } from './world.ts';

const TIMER = [
  [HeaderId.Supported, 'timer'],
  [HeaderId.SessionExpires, '180;refresher=uac'],
] as const;

/** Both legs ask for a session timer. */
function timed(world: World, refresher: 'local' | 'remote' = 'local'): void {
  const sessionTimer = { intervalSeconds: 180, minSeconds: 90, refresher };
  world.engine.plan = (request) =>
    stages([{ branches: [branchTo(request, 'b', { options: { ...legOptions(), sessionTimer } })] }], {
      callerLeg: { ...legOptions(), sessionTimer },
    });
}

function answersUpdates(party: Party): void {
  party.onRequest = (transaction, request) => {
    if (request.method !== 'UPDATE' && request.method !== 'INVITE') return;
    const expires = request.headers.value(HeaderId.SessionExpires);
    party.answer(transaction, 200, {
      ...(request.method === 'INVITE' && { body: sdp('refreshed') }),
      headers:
        expires === undefined
          ? []
          : [
              [HeaderId.SessionExpires, expires],
              [HeaderId.Require, 'timer'],
            ],
    });
  };
}

test('RFC 4028 §9: the caller’s interval is granted on its leg alone; an interval below Min-SE is 422', () => {
  const { world, a, b } = scene();
  const tooShort = a.calls({
    body: sdp('caller'),
    headers: [
      [HeaderId.Supported, 'timer'],
      [HeaderId.SessionExpires, '60'],
    ],
  });
  expect(tooShort.final?.status).toBe(422);
  expect(tooShort.final?.headers.value(HeaderId.MinSE)).toBe('90');
  const sent = a.calls({ body: sdp('caller'), headers: TIMER }, 'second');
  expect(b.invite.request.headers.has(HeaderId.SessionExpires)).toBe(false);
  b.answers(200, { body: sdp('b') });
  expect(sent.final?.headers.value(HeaderId.SessionExpires)).toBe('180;refresher=uac');
  expect(world.ends()).toBe(true);
});

test('§10: a caller that was to refresh and does not: both legs get a BYE before the session expires', () => {
  const { world, a, b } = scene();
  a.calls({ body: sdp('caller'), headers: TIMER });
  b.answer(b.invite, 200, { body: sdp('b') });
  world.run(181_000);
  expect(a.requests('BYE')).toHaveLength(1);
  expect(b.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
  expect(world.record).toMatchObject({ endReason: 'session-expired', endedBy: 'engine' });
});

test('§7.4: a caller’s UPDATE without offer refreshes its leg, again and again, and the callee hears nothing', () => {
  const { world, a, b } = scene();
  a.calls({ body: sdp('caller'), headers: TIMER });
  b.answer(b.invite, 200, { body: sdp('b') });
  for (let round = 0; round < 5; round++) {
    world.run(90_000);
    const refresh = a.sends('UPDATE', { headers: [...TIMER, [HeaderId.Contact, '<sip:a>']] });
    expect(refresh.final?.headers.value(HeaderId.SessionExpires)).toBe('180;refresher=uac');
  }
  expect(b.requests('UPDATE')).toHaveLength(0);
  expect(world.engine.calls.counters.live).toBe(1);
  expect(world.ends()).toBe(true);
});

test('§7.1 and §7.3: the engine asks the callee; a 422 is answered with a longer interval', () => {
  const world = new World();
  timed(world);
  const { a, b } = world;
  const sent = a.calls();
  expect(b.invite.request.headers.value(HeaderId.SessionExpires)).toBe('180;refresher=uac');
  b.answers(422, { headers: [[HeaderId.MinSE, '600']] });
  expect(b.invites).toHaveLength(2);
  expect(b.invite.request.headers.value(HeaderId.SessionExpires)).toContain('600');
  expect(b.invite.request.cseq().sequence).toBe(2);
  b.answers(200, { body: sdp('b'), headers: [[HeaderId.SessionExpires, '600;refresher=uac']] });
  expect(sent.final?.status).toBe(200);
  expect(world.ends()).toBe(true);
});

test('§7.4, engine as refresher: UPDATE where the peer allows it', () => {
  const world = new World();
  timed(world);
  const { a, b } = world;
  const sent = a.calls();
  b.answer(b.invite, 200, {
    body: sdp('b'),
    headers: [
      [HeaderId.Allow, 'INVITE, ACK, BYE, UPDATE'],
      [HeaderId.SessionExpires, '180;refresher=uac'],
    ],
  });
  answersUpdates(b);
  world.run(500_000);
  expect(sent.final?.status).toBe(200);
  expect(b.requests('UPDATE').length).toBeGreaterThanOrEqual(5);
  expect(b.requests('UPDATE')[0]?.headers.value(HeaderId.SessionExpires)).toContain('refresher=uac');
  expect(b.requests('UPDATE')[0]?.body).toBe('');
  expect(world.engine.calls.counters.live).toBe(1);
  expect(world.ends()).toBe(true);
});

test('§7.4, engine as refresher: a re-INVITE with the description last sent, unchanged, where the peer knows no UPDATE', () => {
  const world = new World();
  timed(world);
  const { a, b } = world;
  a.calls();
  b.answers(200, { body: sdp('b'), headers: [[HeaderId.SessionExpires, '180;refresher=uac']] });
  answersUpdates(b);
  world.run(400_000);
  expect(b.invites.length).toBeGreaterThanOrEqual(4);
  expect(b.invite.request.body).toBe(sdp('caller'));
  expect(a.requests('INVITE')).toHaveLength(0);
  expect(world.engine.calls.counters.live).toBe(1);
  expect(world.ends()).toBe(true);
});

test.each([405, 501])(
  '§7.4, engine as refresher: a re-INVITE where the peer lists UPDATE and answers %d, so that the session goes on',
  (status) => {
    const world = new World();
    timed(world);
    const { a, b } = world;
    a.calls();
    b.answers(200, {
      body: sdp('b'),
      headers: [
        [HeaderId.Allow, 'INVITE, ACK, BYE, UPDATE'],
        [HeaderId.SessionExpires, '180;refresher=uac'],
      ],
    });
    for (const party of [a, b]) answersUpdates(party);
    const { onRequest } = b;
    b.onRequest = (transaction, request) =>
      request.method === 'UPDATE' ? transaction.reply(status) : onRequest(transaction, request);
    world.run(500_000);
    expect(world.engine.calls.counters.live).toBe(1);
    expect(b.requests('UPDATE')).toHaveLength(1);
    expect(b.invites.length).toBeGreaterThanOrEqual(5);
    expect(world.ends()).toBe(true);
  },
);

test('§10: a refresh that is answered 481, or not at all, ends the call for both', () => {
  for (const how of ['481', 'silence']) {
    const world = new World();
    timed(world);
    const { a, b, network } = world;
    a.calls();
    b.answers(200, {
      body: sdp('b'),
      headers: [
        [HeaderId.Allow, 'UPDATE'],
        [HeaderId.SessionExpires, '180;refresher=uac'],
      ],
    });
    if (how === 'silence') network.silenced.add('b');
    else
      b.onRequest = (transaction, request) => {
        if (request.method === 'UPDATE') transaction.reply(481);
      };
    world.run(130_000);
    expect(a.requests('BYE')).toHaveLength(1);
    expect(world.settles()).toBe(true);
    expect(world.record.endReason).toBe('session-lost');
  }
});

test('a relayed re-INVITE refreshes both legs, each with its own interval', () => {
  const world = new World();
  timed(world, 'remote');
  const { a, b } = world;
  a.calls({ body: sdp('caller'), headers: TIMER });
  b.answers(200, { body: sdp('b'), headers: [[HeaderId.SessionExpires, '180;refresher=uas']] });
  answersUpdates(b);
  world.run(80_000);
  const sent = a.sends('INVITE', { body: sdp('again'), headers: TIMER });
  expect(sent.final?.headers.value(HeaderId.SessionExpires)).toBe('180;refresher=uac');
  expect(b.invite.request.headers.value(HeaderId.SessionExpires)).toContain('180');
  world.run(100_000);
  expect(world.engine.calls.counters.live).toBe(1);
  expect(world.ends()).toBe(true);
});

test('§7.4, §9: the offer of an UPDATE refreshes both legs, as a re-INVITE does', () => {
  const world = new World();
  timed(world, 'remote');
  const { a, b } = world;
  a.calls({ body: sdp('caller'), headers: [...TIMER, [HeaderId.Allow, 'INVITE, UPDATE']] });
  const granted: [HeaderId, string][] = [
    [HeaderId.SessionExpires, '180;refresher=uas'],
    [HeaderId.Allow, 'INVITE, UPDATE'],
  ];
  b.answers(200, { body: sdp('b'), headers: granted });
  answersUpdates(b);
  world.run(80_000);
  const sent = a.sends('UPDATE', { body: sdp('again'), headers: TIMER });
  expect(sent.final?.headers.value(HeaderId.SessionExpires)).toBe('180;refresher=uac');
  expect(b.requests('UPDATE')[0]?.headers.value(HeaderId.SessionExpires)).toBe('180;refresher=uas');
  const tooShort = a.send('UPDATE', { body: sdp('short'), headers: [TIMER[0], [HeaderId.SessionExpires, '60']] });
  world.run(100_000);
  expect([tooShort.final?.status, tooShort.final?.headers.value(HeaderId.MinSE)]).toEqual([422, '90']);
  expect(b.requests('UPDATE')).toHaveLength(1);
  expect(world.engine.calls.counters.live).toBe(1);
  expect(world.ends()).toBe(true);
});

test.each([
  ['the caller', sdp('early-offer')],
  ['the caller', ''],
  ['the callee', sdp('early-offer')],
  ['the callee', ''],
] as const)('§7.2: an UPDATE of %s before the answer begins no interval (%#)', (who, body) => {
  const world = new World();
  timed(world, 'remote');
  const { a, b } = world;
  const methods = [HeaderId.Allow, 'INVITE, UPDATE, PRACK'] as const;
  const call = a.calls({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel, timer'], TIMER[1], methods] });
  const reliable = [[HeaderId.Require, '100rel'], [HeaderId.RSeq, '7001'], methods] as const;
  b.answers(183, { body: sdp('early'), headers: reliable });
  const rack = `${call.responses.at(-1)?.headers.value(HeaderId.RSeq)} ${call.request.cseq().sequence} INVITE`;
  a.sends('PRACK', { headers: [[HeaderId.RAck, rack]] });
  for (const party of [a, b])
    party.onRequest = (transaction, request) => {
      if (request.method === 'UPDATE')
        party.answer(transaction, 200, request.body === '' ? {} : { body: sdp('early') });
    };
  const update = (who === 'the caller' ? a : b).send('UPDATE', { body, headers: [TIMER[0]] });
  world.run();
  expect([update.final?.status, update.final?.headers.has(HeaderId.SessionExpires)]).toEqual([200, false]);
  b.answers(200, { headers: [[HeaderId.SessionExpires, '180;refresher=uac'], methods] });
  for (let refresh = 0; refresh < 5; refresh++) {
    a.send('UPDATE', { headers: TIMER });
    world.run(60_000);
  }
  expect(world.engine.calls.counters.live).toBe(1);
  expect(world.ends()).toBe(true);
});

test('§7.3: an UPDATE with an offer that is answered 422 goes again with the interval that was asked for', () => {
  const world = new World();
  timed(world);
  const { a, b } = world;
  a.calls();
  b.answers(200, { body: sdp('b'), headers: [[HeaderId.Allow, 'INVITE, UPDATE']] });
  b.onRequest = (transaction, request) => {
    if (request.method !== 'UPDATE') return;
    if (b.requests('UPDATE').length === 1) b.answer(transaction, 422, { headers: [[HeaderId.MinSE, '600']] });
    else b.answer(transaction, 200, { body: sdp('answer') });
  };
  const sent = a.sends('UPDATE', { body: sdp('again') });
  expect([sent.final?.status, sent.final?.body]).toEqual([200, sdp('answer')]);
  const [, again] = b.requests('UPDATE');
  expect([again?.body, again?.headers.value(HeaderId.SessionExpires)]).toEqual([sdp('again'), '600;refresher=uac']);
  expect(world.ends()).toBe(true);
});

test('§7.3: a 422 that crosses the CANCEL of a relayed re-INVITE is its end: nothing is asked again', () => {
  const world = new World();
  timed(world);
  const { a, b } = world;
  a.calls();
  b.answers(200, { body: sdp('b'), headers: [[HeaderId.SessionExpires, '180;refresher=uac']] });
  b.onRequest = (transaction, request) => {
    if (request.method !== 'INVITE') return;
    b.answer(transaction, 180);
    transaction.user = { onCancel: () => b.answer(transaction, 422, { headers: [[HeaderId.MinSE, '600']] }) };
  };
  const sent = a.send('INVITE', { body: sdp('again') });
  world.run(300);
  sent.transaction?.cancel();
  world.run();
  expect(b.invites).toHaveLength(2);
  // The interval was the engine's own: a 422 would need a Min-SE and a sender that had asked for one.
  expect(sent.final?.status).toBe(500);
  expect(world.ends()).toBe(true);
});

test('§7.1: an INVITE that asks for a timer lists it in Supported, whatever the draft lists', () => {
  const { world, a, b, engine } = scene();
  engine.plan = (request) => {
    const branch = branchTo(request, 'b', { options: { ...legOptions(), sessionTimer: { intervalSeconds: 600 } } });
    const headers = [...branch.draft.headers, ['Supported', '100rel, replaces'] as const];
    return stages([{ branches: [{ ...branch, draft: { ...branch.draft, headers } }] }]);
  };
  a.calls();
  expect(b.invite.request.headers.listValues(HeaderId.Supported)).toEqual(['100rel', 'replaces', 'timer']);
  b.answer(b.invite, 486);
  expect(world.settles()).toBe(true);
});
