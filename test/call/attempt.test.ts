import { expect, test } from 'vitest';
import type { StageOutcome } from '../../src/call/plan.ts';
import { HeaderId, type SipRequest } from '../../src/sip/message/index.ts';
import { branchTo, legOptions, type Party, scene, sdp, stages, World } from './world.ts';

/** Cancels are answered with 487, as any callee does. */
function obeysCancel(party: Party, tag?: string): void {
  const { invite } = party;
  invite.user = { onCancel: () => party.answer(invite, 487, {}, tag) };
}

function forking(world: World): void {
  world.engine.plan = (request) => stages([{ branches: [branchTo(request, 'b'), branchTo(request, 'c')] }]);
}

test('§16.7, parallel forking: the first 2xx wins, the other branch is cancelled with "Call completed elsewhere"', () => {
  const world = new World();
  forking(world);
  const { a, b, c } = world;
  const sent = a.calls();
  b.answer(b.invite, 180);
  c.answers(180);
  let reason = '';
  const loser = b.invite;
  loser.user = {
    onCancel: (cancel) => {
      reason = cancel.headers.value(HeaderId.Reason) ?? '';
      b.answer(loser, 487);
    },
  };
  c.answers(200, { body: sdp('c') });
  expect(sent.final?.body).toBe(sdp('c'));
  expect(reason).toBe('SIP;cause=200;text="Call completed elsewhere"');
  expect(world.ends()).toBe(true);
  expect(c.requests('BYE')).toHaveLength(1);
  expect(world.record.attempts.map((attempt) => attempt.cause).sort()).toEqual(['answered', 'cancelled']);
});

test('a branch whose INVITE the serializer refuses has failed; the next stage is tried and the caller gets its answer', () => {
  const world = new World();
  world.engine.plan = (request) => {
    const refused = branchTo(request, 'b');
    const draft = { ...refused.draft, requestUri: 'sip:\u5c71@b' };
    return stages([{ branches: [{ ...refused, draft }] }, { branches: [branchTo(request, 'c')] }]);
  };
  const { a, b, c } = world;
  const sent = a.calls();
  expect(b.requests('INVITE')).toHaveLength(0);
  c.answers(486);
  expect(sent.final?.status).toBe(486);
  expect(world.record.attempts.map(({ cause, status }) => [cause, status])).toEqual([
    ['transport-error', 0],
    ['response', 486],
  ]);
  expect(world.settles()).toBe(true);
});

test('one caller tag while nothing but ringing was relayed; each described callee has a tag of its own', () => {
  const world = new World();
  forking(world);
  const { a, b, c } = world;
  const sent = a.calls();
  b.answer(b.invite, 180);
  c.answers(180);
  expect(new Set(sent.responses.map((response) => response.toTag())).size).toBe(1);
  b.answers(183, { body: sdp('early-b') });
  c.answers(183, { body: sdp('early-c') });
  const described = sent.responses.filter((response) => response.body !== '');
  expect(described.map((response) => response.body)).toEqual([sdp('early-b'), sdp('early-c')]);
  expect(new Set(described.map((response) => response.toTag())).size).toBe(2);
  obeysCancel(b);
  c.answers(200, { body: sdp('early-c') });
  // The 2xx is in the dialog in which this callee was described.
  expect(sent.final?.toTag()).toBe(described[1]?.toTag());
  expect(world.ends()).toBe(true);
});

test('§9.1, CANCEL racing 200: the late 2xx is acknowledged and ended with BYE, the caller has its 487', () => {
  const { world, a, b } = scene();
  const sent = a.calls();
  b.answers(180);
  sent.transaction?.cancel();
  world.run(6);
  // The CANCEL is on its way to B when B answers.
  b.answers(200, { body: sdp('callee') });
  expect(sent.final?.status).toBe(487);
  expect(b.acks).toHaveLength(1);
  expect(b.requests('BYE')).toHaveLength(1);
  expect(world.settles()).toBe(true);
  expect(world.record).toMatchObject({ status: 487, endReason: 'cancel' });
});

test('§13.2.2.4: both phones answer at once: one gets the call, the other an ACK and a BYE', () => {
  const world = new World();
  forking(world);
  const { a, b, c } = world;
  const sent = a.calls();
  b.answer(b.invite, 200, { body: sdp('b') });
  c.answers(200, { body: sdp('c') });
  expect(sent.responses.filter((response) => response.status === 200)).toHaveLength(1);
  const [winner, loser] = sent.final?.body === sdp('b') ? [b, c] : [c, b];
  expect(loser.acks).toHaveLength(1);
  expect(loser.requests('BYE')).toHaveLength(1);
  expect(winner.requests('BYE')).toHaveLength(0);
  expect(world.ends()).toBe(true);
  expect(winner.requests('BYE')).toHaveLength(1);
});

test('§13.2.2.4, forks behind a trunk: each tag is a dialog of its own, a second 2xx is acknowledged and ended', () => {
  const { world, a, b } = scene();
  const sent = a.calls();
  b.answer(b.invite, 183, { body: sdp('one') }, 'fork-1');
  b.answers(183, { body: sdp('two') }, 'fork-2');
  expect(new Set(sent.responses.map((response) => response.toTag())).size).toBe(2);
  b.answers(200, { body: sdp('two') }, 'fork-2');
  b.answers(200, { body: sdp('one') }, 'fork-1');
  expect(sent.final?.body).toBe(sdp('two'));
  expect(b.requests('BYE').map((bye) => bye.toTag())).toEqual(['fork-1']);
  a.send(
    'BYE',
    {},
    a.dialogs.find((dialog) => dialog.remoteTag === sent.final?.toTag()),
  );
  expect(world.settles()).toBe(true);
  expect(b.requests('BYE').map((bye) => bye.toTag())).toEqual(['fork-1', 'fork-2']);
});

test('§16.7 step 6: the best refusal is passed on: 6xx over all, busy over not there, 503 last', () => {
  for (const [first, second, expected] of [
    [486, 480, 486],
    [503, 404, 404],
    [486, 603, 603],
    [500, 486, 486],
    [408, 484, 484],
  ] as const) {
    const world = new World();
    forking(world);
    const { a, b, c } = world;
    const sent = a.calls();
    b.answer(b.invite, first);
    c.answers(second);
    expect(sent.final?.status).toBe(expected);
    expect(world.settles()).toBe(true);
  }
});

test('a leg that is being cancelled is one that was begun, until its 487 makes an attempt of it', () => {
  const world = new World();
  forking(world);
  const { a, b, c, engine } = world;
  a.calls();
  c.answers(180);
  const [listed] = engine.calls.list();
  const call = engine.calls.get(listed?.id ?? '');
  const ids = [b.invite, c.invite].map(({ request }) => request.callId());
  expect(call?.begunLegs().map(({ callId }) => callId)).toEqual(ids);
  c.invite.user = { onCancel: () => {} };
  b.answer(b.invite, 603);
  world.run(100);
  expect(call?.record.attempts.map(({ callId }) => callId)).toEqual(ids.slice(0, 1));
  expect(call?.begunLegs().map(({ callId }) => callId)).toEqual(ids.slice(1));
  c.answers(487);
  expect(call?.record.attempts.map(({ callId }) => callId)).toEqual(ids);
  expect(world.settles()).toBe(true);
});

test('§16.7 step 5: a 6xx ends the search: the other branches are cancelled', () => {
  const world = new World();
  forking(world);
  const { a, b, c, network } = world;
  const sent = a.calls();
  c.answers(180);
  obeysCancel(c);
  b.answers(603);
  expect(sent.final?.status).toBe(603);
  expect(network.count('engine>c CANCEL')).toBe(1);
  expect(world.settles()).toBe(true);
});

test('route advance: the caller rings on one dialog while the second trunk is tried, and hears nothing of the first one’s 503', () => {
  const { world, a, b, c, engine } = scene();
  const outcomes: StageOutcome[] = [];
  engine.plan = (request) =>
    stages(
      [
        { branches: [branchTo(request, 'b', { trunkId: '1' })] },
        { branches: [branchTo(request, 'c', { trunkId: '2' })] },
      ],
      {},
      outcomes,
    );
  const sent = a.calls();
  b.answers(180);
  b.answers(503, { headers: [[HeaderId.RetryAfter, '30 (maintenance)']] });
  c.answers(180);
  c.answers(200, { body: sdp('c') });
  expect(sent.statuses).toEqual([180, 180, 200]);
  expect(new Set(sent.responses.map((response) => response.toTag())).size).toBe(1);
  expect(outcomes).toMatchObject([{ status: 503, cause: 'response', retryAfterSeconds: 30, trunkId: '1' }]);
  expect(world.ends()).toBe(true);
  expect(world.record.attempts).toMatchObject([
    { trunkId: '1', status: 503, retryAfterSeconds: 30 },
    { trunkId: '2', status: 200 },
  ]);
});

test('behaviour 14: after early media of a trunk there is no next route, unless the trunk opts in', () => {
  for (const earlyMediaFailover of [false, true]) {
    const { world, a, b, c, engine } = scene();
    engine.plan = (request) =>
      stages([
        { branches: [branchTo(request, 'b', { trunkId: '1', options: { ...legOptions(), earlyMediaFailover } })] },
        { branches: [branchTo(request, 'c')] },
      ]);
    const sent = a.calls();
    b.answers(183, { body: sdp('early') });
    b.answers(503);
    expect(c.invites).toHaveLength(earlyMediaFailover ? 1 : 0);
    if (earlyMediaFailover) c.answer(c.invite, 486);
    world.run();
    expect(sent.final?.status).toBe(earlyMediaFailover ? 486 : 503);
    expect(world.settles()).toBe(true);
  }
});

test('RFC 3263 §4.3: silence and 503 of one target lead to the next one of the same branch, unseen by the caller', () => {
  const { world, a, b, c, engine, network } = scene();
  engine.plan = (request) => stages([{ branches: [branchTo(request, ['nowhere', 'b', 'c'])] }]);
  network.silenced.add('nowhere');
  const sent = a.call();
  world.run(33_000);
  b.answers(503);
  c.answers(200, { body: sdp('c') });
  expect(sent.final?.body).toBe(sdp('c'));
  expect(world.ends()).toBe(true);
  expect(world.record.attempts.map((attempt) => [attempt.target, attempt.cause])).toEqual([
    ['udp:nowhere:5060', 'timeout'],
    ['udp:b:5060', 'response'],
    ['udp:c:5060', 'answered'],
  ]);
  expect(new Set(world.record.attempts.map((attempt) => attempt.callId)).size).toBe(3);
});

test('§13.2.2.4: a target that answers after it was given up is told that nobody is there', () => {
  const { world, a, b, c, engine, network } = scene();
  engine.plan = (request) => stages([{ branches: [branchTo(request, ['b', 'c'])] }]);
  let deaf = true;
  network.drops = (from) => deaf && from === 'b';
  a.call();
  world.run(33_000);
  c.answers(200, { body: sdp('c') });
  deaf = false;
  b.answers(200, { body: sdp('b') });
  expect(b.acks).toHaveLength(1);
  expect(b.requests('BYE')).toHaveLength(1);
  expect(world.ends()).toBe(true);
});

test('a stage’s ring time ends it: its branches are cancelled and the next stage rings', () => {
  const { world, a, b, c, engine } = scene();
  const outcomes: StageOutcome[] = [];
  engine.plan = (request) =>
    stages(
      [{ branches: [branchTo(request, 'b')], ringMs: 10_000 }, { branches: [branchTo(request, 'c')] }],
      {},
      outcomes,
    );
  const sent = a.calls();
  b.answer(b.invite, 180);
  obeysCancel(b);
  world.run(10_100);
  expect(outcomes).toMatchObject([{ status: 480, cause: 'ring-timeout' }]);
  c.answers(200, { body: sdp('c') });
  expect(sent.final?.status).toBe(200);
  expect(world.ends()).toBe(true);
});

test('capacity: a branch without room is passed over; what was reserved is given back once, at the end of the call', () => {
  const { world, a, c, engine } = scene();
  const ends: unknown[] = [];
  engine.plan = (request) =>
    stages([
      { branches: [branchTo(request, 'b', { onStart: () => false, onEnd: () => ends.push('b') })] },
      { branches: [branchTo(request, 'c', { onStart: () => true, onEnd: (outcome) => ends.push(outcome) })] },
    ]);
  a.calls();
  c.answers(200, { body: sdp('c') });
  expect(ends).toEqual([]);
  expect(world.ends()).toBe(true);
  expect(ends).toEqual(['answered']);
  expect(world.record.attempts.map((attempt) => attempt.cause)).toEqual(['capacity', 'answered']);
});

test('a resolver that answers later, or not at all, or with nothing, is a stage like any other', async () => {
  const { world, a, b, engine } = scene();
  engine.plan = (request) =>
    stages([
      { branches: [branchTo(request, 'b', { resolve: () => Promise.reject(new Error('no DNS')) })] },
      { branches: [branchTo(request, 'b', { resolve: () => [] })] },
      { branches: [branchTo(request, 'b', { resolve: async () => [{ transport: 'udp', address: 'b', port: 5060 }] })] },
    ]);
  const sent = a.calls();
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  world.run();
  b.answers(200, { body: sdp('b') });
  expect(sent.final?.status).toBe(200);
  expect(world.ends()).toBe(true);
});

test('a caller that cancels while a target is being resolved leaves nothing behind', async () => {
  const { world, a, b, engine } = scene();
  let found: (targets: []) => void = () => {};
  engine.plan = (request) =>
    stages([
      {
        branches: [
          branchTo(request, 'b', {
            resolve: () =>
              new Promise((resolve) => {
                found = resolve;
              }),
          }),
        ],
      },
    ]);
  const sent = a.call();
  world.run(300);
  sent.transaction?.cancel();
  world.run();
  expect(sent.final?.status).toBe(487);
  found([]);
  await Promise.resolve();
  expect(b.invites).toHaveLength(0);
  expect(world.settles()).toBe(true);
});

test('behaviour 17: a 503 that reaches the caller says when to try again; a trunk’s 401 is not the caller’s business', () => {
  for (const [status, expected] of [
    [503, 503],
    [401, 503],
    [407, 503],
    [481, 480],
    [420, 500],
    [488, 488],
    [404, 404],
  ] as const) {
    const world = new World();
    const sent = world.a.call();
    world.run();
    world.b.answer(world.b.invite, status);
    world.run();
    expect(sent.final?.status).toBe(expected);
    expect(sent.final?.headers.has(HeaderId.RetryAfter)).toBe(expected === 503);
    expect(sent.final?.headers.has(HeaderId.WwwAuthenticate)).toBe(false);
    expect(sent.final?.headers.value(HeaderId.Reason)).toContain(`cause=${status}`);
    expect(world.settles()).toBe(true);
    expect(world.record).toMatchObject({ status: expected, reason: sent.final?.reason, carrierStatus: status });
  }
});

test.each<[string, HeaderId, string]>([
  ['a Record-Route that cannot be read', HeaderId.RecordRoute, '<sip:[;lr>'],
  ['a Contact that cannot be read', HeaderId.Contact, '<sip:[>'],
  ['a Contact that is no SIP URI', HeaderId.Contact, '<tel:+1>'],
])('§13.2.2.4: a 2xx with %s is acknowledged and ended, and the branch fails', (_what, id, value) => {
  const world = new World();
  const sent = world.a.call();
  world.run();
  world.b.answer(world.b.invite, 200, { body: sdp('b'), headers: [[id, value]] });
  world.run();
  expect([world.b.acks.length, world.b.requests('BYE').length]).toEqual([1, 1]);
  expect(sent.final?.status).toBe(502);
  expect(world.settles()).toBe(true);
});

test('a plan that never ends is ended', () => {
  const world = new World();
  world.engine.plan = (request: SipRequest) => ({
    ...stages([]),
    next: () => ({ branches: [branchTo(request, 'b', { onStart: () => false })] }),
  });
  const sent = world.a.call();
  world.run();
  expect(sent.final?.status).toBe(500);
  expect(world.settles()).toBe(true);
});

test('a plan’s own last word is said as it is, with its header fields; Retry-After stands once', () => {
  const { world, a, b, engine } = scene();
  let asked = 0;
  engine.plan = (request) => ({
    ...stages([]),
    next: () =>
      asked++ === 0
        ? { branches: [branchTo(request, 'b')] }
        : { status: 503, reason: 'No Trunk', headers: [[HeaderId.RetryAfter, '7']] as const },
  });
  const sent = a.calls();
  b.answers(407);
  expect(sent.final).toMatchObject({ status: 503, reason: 'No Trunk' });
  expect(sent.final?.headers.fieldValues(HeaderId.RetryAfter)).toEqual(['7']);
  expect(world.settles()).toBe(true);
  expect(world.record).toMatchObject({ carrierStatus: 407, status: 503 });
});

test('the record says whether the callee refused, or could not be reached, or was never called', () => {
  for (const [what, endedBy, endReason] of [
    ['busy', 'callee', 'refused'],
    ['silent', 'engine', 'unreachable'],
    ['no rule', 'engine', 'rejected'],
  ] as const) {
    const world = new World();
    if (what === 'silent') world.network.silenced.add('b');
    if (what === 'no rule') world.engine.plan = () => stages([]);
    world.a.call();
    world.run();
    if (what === 'busy') world.b.answer(world.b.invite, 486);
    expect(world.settles()).toBe(true);
    expect(world.record).toMatchObject({ endedBy, endReason });
  }
});
