import { describe, expect, test, vi } from 'vitest';
import type { BranchPlan, CallPlan, StageOutcome } from '../../src/call/plan.ts';
import type { SipRequest } from '../../src/sip/message/index.ts';
import { RelayedWorld, wish, withMedia } from './relayed-world.ts';
import { branchTo, rejecting, sdp, stages, World } from './world.ts';

test.each([
  ['the phrase of its status, which is a constant and is not copied', undefined, 'Temporarily Unavailable', 0],
  ['a reason of its own, which is copied out of what it was cut from', 'Barred by its owner', 'Barred by its owner', 1],
])('the record of a refused call keeps %s', (_, reason, kept, copies) => {
  const world = new World();
  world.engine.plan = () => ({
    ...rejecting(480),
    next: () => ({ status: 480, ...(reason !== undefined && { reason }) }),
  });
  const texts = vi.spyOn(Buffer.prototype, 'toString');
  world.a.call();
  world.run();
  const copied = texts.mock.results.filter(({ value }) => value === kept);
  texts.mockRestore();
  expect(world.engine.ended).toMatchObject([{ status: 480, reason: kept }]);
  expect(copied).toHaveLength(copies);
});

/** A call that another node has, or one of its own, whose phone rings and says 487 when the test does. */
function cancelledWhileRinging(peerNode?: string) {
  const world = new World();
  const { a, b } = world;
  const facts = { direction: 'outbound', caller: 'caller', called: 'callee', ...(peerNode && { peerNode }) } as const;
  world.engine.plan = (request) => stages([{ branches: [branchTo(request, 'b')] }], { facts, ringTimeoutMs: 5_000 });
  const sent = a.call();
  world.run();
  b.answer(b.invite, 180);
  b.invite.user = { onCancel: () => {} };
  world.run();
  sent.transaction?.cancel();
  world.run();
  expect(world.network.count('engine>b CANCEL')).toBe(1);
  return { world, sent };
}

test('RFC 3261 §9.2: a caller that cancels has its 487 at once, whatever the phone says', () => {
  const { world, sent } = cancelledWhileRinging();
  expect(sent.final?.status).toBe(487);
  expect(world.settles()).toBe(true);
});

describe('another node cancels what it has ring here (RFC 3261 §16.10)', () => {
  test('it has its 487 once the phone has said so, which is free then', () => {
    const { world, sent } = cancelledWhileRinging('two');
    expect(sent.final).toBeUndefined();
    world.b.answer(world.b.invite, 487);
    world.run();
    expect(sent.final?.status).toBe(487);
    expect(world.settles()).toBe(true);
    expect(world.record).toMatchObject({ status: 487, endedBy: 'caller', endReason: 'cancel' });
  });

  test('the phone has answered meanwhile: once it has been hung up', () => {
    const { world, sent } = cancelledWhileRinging('two');
    const { b } = world;
    let before: unknown = 'no BYE';
    b.onRequest = (_transaction, request) => {
      if (request.method === 'BYE') before = sent.final;
    };
    b.answer(b.invite, 200, { body: sdp('callee') });
    world.run();
    expect(before).toBeUndefined();
    expect(sent.final?.status).toBe(487);
    expect(world.settles()).toBe(true);
  });

  test('the phone says nothing more: with its own patience (§9.1), not by the ring limit', () => {
    const { world, sent } = cancelledWhileRinging('two');
    world.run(31_500);
    expect([sent.final, world.engine.ended]).toEqual([undefined, []]);
    world.run(1_000);
    expect(world.record).toMatchObject({ status: 487, endedBy: 'caller', endReason: 'cancel' });
    expect(world.settles()).toBe(true);
  });

  test('before anybody was asked: at once', () => {
    const world = new World();
    const facts = { direction: 'outbound', caller: 'caller', called: 'callee', peerNode: 'two' } as const;
    world.engine.plan = (request) => ({
      ...stages([{ branches: [branchTo(request, 'b')] }], { facts }),
      ready: new Promise(() => {}),
    });
    const sent = world.a.call();
    world.run(300);
    sent.transaction?.cancel();
    world.run();
    expect(sent.final?.status).toBe(487);
    expect(world.settles()).toBe(true);
  });
});

describe('a defect that no message’s boundary catches ends its call, is counted once, and another call goes on', () => {
  /** Throws the first time only. */
  const once = () => {
    let isMet = false;
    return () => {
      if (isMet) return;
      isMet = true;
      throw new Error('a bug');
    };
  };
  const ofBranch = (met: Partial<BranchPlan>) => (request: SipRequest) =>
    stages([{ branches: [branchTo(request, 'c', met)], ringMs: 60_000 }]);

  test.each<[string, (request: SipRequest) => CallPlan]>([
    ['what hears an answer of the relay', ofBranch({ onAttempt: once() })],
    [
      'what hears of a transaction’s timer',
      ofBranch({ onAttempt: once(), resolve: () => [{ transport: 'udp', address: 'nobody', port: 5060 }] }),
    ],
    [
      'a timer of the plan',
      (request) => {
        const plan = stages([{ branches: [branchTo(request, 'nobody')], ringMs: 3_000 }]);
        const meet = once();
        const next = (outcome?: StageOutcome) => {
          if (outcome !== undefined) meet();
          return plan.next(outcome);
        };
        return { ...plan, next };
      },
    ],
    ['what hears an answer of the DNS', ofBranch({ onAttempt: once(), resolve: async () => [] })],
    ['what waited for a signature', ofBranch({ onAttempt: once(), sign: () => Promise.reject(new Error('no key')) })],
    [
      'what waited for a certificate',
      (request) => ({ ...ofBranch({})(request), ready: Promise.reject(new Error('a bug')) }),
    ],
  ])('it meets %s', async (_what, plan) => {
    const world = new RelayedWorld();
    const { a, c, engine } = world;
    world.connect();
    engine.plan = (request) => withMedia(plan(request), wish());
    c.onRequest = (transaction, request) => {
      if (request.method === 'INVITE') c.answer(transaction, 200, { body: sdp('c') });
    };
    const [talk] = a.dialogs;
    const sent = a.call();
    for (let turn = 0; turn < 8; turn++) {
      world.run(10_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(engine.endpoint.counters.uncaughtErrors).toBe(1);
    expect(engine.calls.counters.live).toBe(1);
    expect(engine.ended).toMatchObject([{ endReason: 'defect', endedBy: 'engine' }]);
    expect(sent.final?.status).toBeGreaterThanOrEqual(480);
    const bye = a.send('BYE', {}, talk);
    world.run();
    expect(bye.final?.status).toBe(200);
    expect(engine.ended.map(({ endReason }) => endReason)).toEqual(['defect', 'bye']);
    world.settles();
    expect([engine.calls.counters.live, world.fake.sessions.get(1)?.size]).toEqual([0, 0]);
  });

  test('though its end meets one as well: it is over a transaction’s time later', () => {
    let armed = false;
    const observer = {
      onCallChanged: () => {
        if (!armed) return;
        armed = false;
        throw new Error('a bug of the end');
      },
    };
    const world = new World({ calls: { observers: [observer] } });
    const meet = once();
    const onAttempt = () => {
      armed = true;
      meet();
    };
    const resolve = () => [{ transport: 'udp', address: 'nobody', port: 5060 }] as const;
    world.engine.plan = (request) => ofBranch({ onAttempt, resolve })(request);
    world.a.call();
    world.run(120_000);
    expect(world.engine.endpoint.counters.uncaughtErrors).toBe(2);
    expect(world.engine.calls.counters.live).toBe(0);
    world.settles();
  });
});
