import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { AcceptedInvite } from '../../src/call/accepted-invite.ts';
import { AwaitedAck } from '../../src/call/awaited-ack.ts';
import { LegRequest } from '../../src/call/leg-request.ts';
import type { BranchPlan, CallPlan, StageOutcome } from '../../src/call/plan.ts';
import { Referral } from '../../src/call/refer.ts';
import { ReliableRelay } from '../../src/call/reliable-relay.ts';
import { SessionKeeper } from '../../src/call/session-keeper.ts';
import { HeaderId, type SipRequest } from '../../src/sip/message/index.ts';
import { RelayedWorld, wish, withMedia } from './relayed-world.ts';
import { branchTo, legOptions, rejecting, scene, sdp, stages, World } from './world.ts';

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
  const { world, a, b } = scene();
  const facts = { direction: 'outbound', caller: 'caller', called: 'callee', ...(peerNode && { peerNode }) } as const;
  world.engine.plan = (request) => stages([{ branches: [branchTo(request, 'b')] }], { facts, ringTimeoutMs: 5_000 });
  const sent = a.calls();
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
    b.answers(200, { body: sdp('callee') });
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
    const bye = a.sends('BYE', {}, talk);
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

describe('a defect at a timer of what is under way in a call ends it, and is counted once', () => {
  const REINVITE = { body: `${sdp('callee')}a=sendonly\r\n` };
  const withSession = (refresher: 'local' | 'remote') => (world: World) => {
    const sessionTimer = { intervalSeconds: 180, minSeconds: 90, refresher };
    const options = { ...legOptions(), sessionTimer };
    world.engine.plan = (request) => stages([{ branches: [branchTo(request, 'b', { options })] }]);
    world.a.call();
    world.run();
    const granted = `180;refresher=${refresher === 'local' ? 'uac' : 'uas'}`;
    world.b.answer(world.b.invite, 200, { body: sdp('b'), headers: [[HeaderId.SessionExpires, granted]] });
    world.run();
  };
  const connected = (then: (world: World) => void) => (world: World) => {
    world.connect();
    then(world);
  };
  const unanswered = (method: string) =>
    connected(({ a, network }) => {
      network.silenced.add('b');
      a.send(method);
    });
  const withoutAck = (world: World) => {
    world.a.ackBody = null;
    world.connect();
  };

  test.each<[string, object, string, (world: World) => void]>([
    ['a session is to be refreshed', SessionKeeper.prototype, 'refresh', withSession('local')],
    ['a session was not refreshed', SessionKeeper.prototype, 'onExpired', withSession('remote')],
    ['a request has no answer', LegRequest.prototype, 'onTimeout', unanswered('INFO')],
    ['a BYE has no answer', LegRequest.prototype, 'onTimeout', unanswered('BYE')],
    [
      'a re-INVITE has no final answer',
      LegRequest.prototype,
      'cancel',
      connected(({ a, b }) => {
        b.onRequest = (transaction, { method }) => method === 'INVITE' && b.answer(transaction, 100);
        a.send('INVITE', REINVITE);
      }),
    ],
    ['a 2xx is sent again', AcceptedInvite.prototype, 'resend', withoutAck],
    [
      'a re-INVITE has waited for an ACK',
      AwaitedAck.prototype,
      'onTimer',
      (world) => {
        withoutAck(world);
        world.b.send('INVITE', REINVITE);
      },
    ],
    [
      'a PRACK is missing',
      ReliableRelay.prototype,
      'onNoPrack',
      (world) => {
        world.a.call({ body: sdp('caller'), headers: [[HeaderId.Supported, '100rel']] });
        world.run();
        world.b.answer(world.b.invite, 183, {
          body: sdp('b'),
          headers: [
            [HeaderId.Require, '100rel'],
            [HeaderId.RSeq, '1'],
          ],
        });
      },
    ],
    [
      'a transferor does not hang up',
      Referral.prototype,
      'onTimer',
      connected((world) => {
        const { a, b, c, engine } = world;
        engine.router = { referred: () => stages([{ branches: [branchTo(undefined, 'c')] }]), mayReplace: () => true };
        b.onRequest = (transaction, request) => {
          if (request.method === 'INVITE') b.answer(transaction, 200, { body: sdp('b') });
        };
        a.sends('REFER', { headers: [[HeaderId.ReferTo, '<sip:300@engine>']] });
        c.answer(c.invite, 200, { body: sdp('c') });
      }),
    ],
  ])('%s', (_when, target, method, begin) => {
    const world = new World();
    const met = vi.spyOn(target as Record<string, () => void>, method).mockImplementationOnce(() => {
      throw new Error('a bug');
    });
    onTestFinished(() => met.mockRestore());
    begin(world);
    world.run(600_000);
    const { counters } = world.engine.endpoint;
    expect([met.mock.calls.length > 0, counters.uncaughtErrors]).toEqual([true, 1]);
    expect(world.settles()).toBe(true);
    expect(world.engine.ended).toHaveLength(1);
  });
});
