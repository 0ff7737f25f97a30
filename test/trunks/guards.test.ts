import { describe, expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { allAtOnce } from '../../src/base/steps.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import type { Extension, Tenant } from '../../src/provisioning/tenants/schema.ts';
import type { GuardGrant } from '../../src/trunks/admitted-call.ts';
import { Capacity } from '../../src/trunks/capacity.ts';
import { type GuardRefusal, Guards } from '../../src/trunks/guards.ts';
import { SharedLimits } from '../../src/trunks/shared-limits.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { provision } from './kit.ts';
import { MemoryTallies } from './memory-tallies.ts';
import { type SharedNode, SharedNodes } from './shared-nodes.ts';

interface Settings {
  tenant?: object;
  tenantLimits?: object;
  extensionLimits?: object;
}

const acmeWith = ({ tenant = {}, tenantLimits = {}, extensionLimits = {} }: Settings) => ({
  tenants: [
    {
      name: 'acme',
      domain: 'acme.example.com',
      limits: tenantLimits,
      extensions: [
        { number: '101', name: 'Alice', password: 'p', limits: extensionLimits },
        { number: '102', name: 'Bob', password: 'p' },
      ],
      ...tenant,
    },
  ],
});

class GuardWorld {
  /** Noon in UTC. */
  readonly scheduler = new VirtualScheduler(Date.UTC(2026, 10, 21, 12));
  readonly capacity = new Capacity(this.scheduler);
  readonly events: string[] = [];
  /** Calls that were to be ended, and when: monotonic, ms. */
  readonly ended: { readonly callId: string; readonly atMs: number }[] = [];
  /** What ends them. */
  end: (callId: string, atMs: number) => void = () => {};
  readonly onUsedUp = (callId: string) => {
    const atMs = this.scheduler.nowMs();
    this.ended.push({ callId, atMs });
    this.end(callId, atMs);
  };
  readonly guards: Guards;
  readonly tenant: Tenant;
  readonly extension: Extension;

  constructor({ tenant = {}, tenantLimits = {}, extensionLimits = {} }: Settings = {}) {
    this.guards = new Guards({
      scheduler: this.scheduler,
      log: silentLog,
      shared: new SharedLimits(this.scheduler),
      capacity: this.capacity,
      onEvent: (code, detail) => this.events.push(`${code} ${detail['holder']}`),
      onUsedUp: this.onUsedUp,
    });
    const { tenants } = provision(acmeWith({ tenant, tenantLimits, extensionLimits }));
    this.tenant = tenants[0] as Tenant;
    this.extension = this.tenant.extensions[0] as Extension;
  }

  ask(emergency = false, extension: Extension | undefined = this.extension): GuardGrant | GuardRefusal {
    return this.guards.admit({ tenant: this.tenant, extension, number: '4930555', emergency });
  }

  call(): GuardGrant {
    const answer = this.ask();
    if (!answer.granted) throw new Error(answer.code);
    return answer;
  }

  /** Minutes talked today by the tenant, calls in progress included. */
  minutesToday(guards = this.guards): number {
    const limit = 10_000;
    const tenant = { ...this.tenant, limits: { dailyMinutes: limit } } as Tenant;
    const grant = guards.admit({ tenant, number: '1', emergency: false }) as GuardGrant;
    grant.ended(0);
    return limit - (grant.talkLimitMs ?? 0) / 60_000;
  }

  talk(minutes: number): void {
    const call = this.call();
    call.answered('any');
    this.scheduler.advance(minutes * 60_000);
    call.ended(minutes * 60_000);
  }
}

const refusal = (code: string, holder: string, limit: number) =>
  expect.objectContaining({ granted: false, status: 403, code, holder, limit });

test('without limits everything passes', () => {
  const world = new GuardWorld();
  for (let index = 0; index < 1000; index++) world.call().answered('any');
  expect(world.events).toEqual([]);
});

describe('calls in progress', () => {
  test('of an extension; a place comes back when a call ends, once', () => {
    const world = new GuardWorld({ extensionLimits: { concurrentCalls: 2 } });
    const first = world.call();
    world.call();
    expect(world.ask()).toEqual(refusal('concurrent-calls-exceeded', 'extension acme/101', 2));
    expect(world.ask(false, world.tenant.extensions[1]).granted).toBe(true);
    first.ended(0);
    first.ended(0);
    world.call();
    expect(world.ask().granted).toBe(false);
    expect(world.events).toEqual(Array(2).fill('concurrent-calls-exceeded extension acme/101'));
  });

  test('of a tenant, its services included, shared with its inbound calls', () => {
    const world = new GuardWorld({ tenantLimits: { concurrentCalls: 2 } });
    world.capacity.admit([{ key: 'tenant acme', concurrentCalls: 2 }]);
    expect(world.guards.admit({ tenant: world.tenant, number: '1', emergency: false }).granted).toBe(true);
    expect(world.ask()).toEqual(refusal('concurrent-calls-exceeded', 'tenant acme', 2));
    expect(world.capacity.inProgress('extension acme/101')).toBe(0);
  });
});

describe('calls per minute', () => {
  test('of an extension, in any 60 s', () => {
    const world = new GuardWorld({ extensionLimits: { callsPerMinute: 3 } });
    for (let index = 0; index < 3; index++) {
      world.call().ended(0);
      world.scheduler.advance(10_000);
    }
    expect(world.ask()).toEqual(refusal('calls-per-minute-exceeded', 'extension acme/101', 3));
    world.scheduler.advance(29_000);
    expect(world.ask().granted).toBe(false);
    world.scheduler.advance(1_000);
    expect(world.ask().granted).toBe(true);
    expect(world.ask().granted).toBe(false);
  });

  test('a refused call is not counted; of a tenant, all extensions together', () => {
    const world = new GuardWorld({ tenantLimits: { callsPerMinute: 2 } });
    world.call();
    expect(world.ask(false, world.tenant.extensions[1]).granted).toBe(true);
    for (let index = 0; index < 50; index++) expect(world.ask().granted).toBe(false);
    world.scheduler.advance(61_000);
    expect(world.ask().granted).toBe(true);
  });

  test('a limit of 0 lets nothing through', () => {
    expect(new GuardWorld({ extensionLimits: { callsPerMinute: 0 } }).ask().granted).toBe(false);
  });
});

describe('minutes a day', () => {
  test('are used up by talk time, and new again at midnight where the tenant is', () => {
    const world = new GuardWorld({ tenant: { timeZone: 'Asia/Tokyo' }, tenantLimits: { dailyMinutes: 30 } });
    world.talk(10);
    expect(world.call().talkLimitMs).toBe(20 * 60_000);
    world.talk(20);
    expect(world.ask()).toEqual(refusal('daily-minutes-exceeded', 'tenant acme', 30));
    expect(world.minutesToday()).toBe(30);
    // 21:30 in Tokyo.
    world.scheduler.advance(2.4 * 3_600_000);
    expect(world.ask().granted).toBe(false);
    world.scheduler.advance(0.2 * 3_600_000);
    expect(world.ask().granted).toBe(true);
  });

  test('a call in progress counts while it runs, an unanswered one never', () => {
    const world = new GuardWorld({ extensionLimits: { dailyMinutes: 5 } });
    const running = world.call();
    world.scheduler.advance(600_000);
    expect(world.ask().granted).toBe(true);
    running.answered('any');
    world.scheduler.advance(4 * 60_000);
    expect(world.ask().granted).toBe(true);
    world.scheduler.advance(60_000);
    expect(world.ask()).toEqual(refusal('daily-minutes-exceeded', 'extension acme/101', 5));
    running.ended(5 * 60_000);
    expect(world.ask().granted).toBe(false);
  });

  test('calls that begin at once end together when the sum of them has used the day up; new ones are refused', () => {
    const world = new GuardWorld({ tenantLimits: { dailyMinutes: 10 } });
    const calls = Array.from({ length: 40 }, () => world.call());
    for (const [id, call] of calls.entries()) call.answered(String(id));
    world.end = (callId, atMs) => calls[Number(callId)]?.ended(atMs);
    world.scheduler.advance(14_900);
    expect(world.ended).toEqual([]);
    world.scheduler.advance(3_600_000);
    const ended = world.ended.map(({ atMs }) => atMs);
    expect(new Set(world.ended.map(({ callId }) => callId)).size).toBe(40);
    expect(ended).toHaveLength(40);
    // 40 calls of 15 s, to within the least time between two looks.
    expect(Math.min(...ended)).toBeGreaterThanOrEqual(15_000);
    expect(Math.max(...ended)).toBeLessThanOrEqual(15_010);
    expect(world.minutesToday()).toBeLessThanOrEqual(10.01);
    expect(world.ask()).toEqual(refusal('daily-minutes-exceeded', 'tenant acme', 10));
    expect(world.events).toContain('daily-minutes-used-up tenant acme');
    expect(world.events.filter((each) => each.startsWith('daily-minutes-used-up'))).toHaveLength(1);
    expect(world.scheduler.armedCount).toBe(0);
  });

  test('of one extension: the calls of another go on; an emergency call is never ended', () => {
    const world = new GuardWorld({ extensionLimits: { dailyMinutes: 5 } });
    const begin = (name: string, extension: Extension | undefined, emergency = false) => {
      const answer = world.ask(emergency, extension);
      if (answer.granted) answer.answered(name);
    };
    begin('of 101', world.extension);
    begin('of 102', world.tenant.extensions[1]);
    begin('emergency', world.extension, true);
    world.scheduler.advance(3_600_000);
    expect(world.ended.map(({ callId }) => callId)).toEqual(['of 101']);
  });

  test('a limit that is set, or lowered, while calls run ends them when it is used up; one that is raised lets them go on', () => {
    const world = new GuardWorld();
    const follow = (dailyMinutes: number) =>
      allAtOnce(world.guards.follow(new Directory(provision(acmeWith({ tenantLimits: { dailyMinutes } })))));
    const call = world.call();
    call.answered('first');
    world.scheduler.advance(120_000);
    follow(10);
    world.scheduler.advance(420_000);
    follow(20);
    world.scheduler.advance(420_000);
    expect(world.ended).toEqual([]);
    follow(15);
    world.scheduler.advance(1_000);
    expect(world.ended).toEqual([{ callId: 'first', atMs: 960_010 }]);
  });

  test('an event tells once a day that they are nearly used up', () => {
    const world = new GuardWorld({ tenantLimits: { dailyMinutes: 10 } });
    for (let index = 0; index < 9; index++) world.talk(1);
    expect(world.events).toEqual(['daily-minutes-low tenant acme']);
    world.scheduler.advance(24 * 3_600_000);
    world.talk(8);
    expect(world.events).toHaveLength(2);
  });
});

test('the switch stops all outbound calls of a tenant at once', () => {
  const world = new GuardWorld({ tenant: { stopOutbound: true } });
  expect(world.ask()).toEqual(refusal('outbound-stopped', 'tenant acme', 0));
  expect(world.events).toEqual(['outbound-stopped tenant acme']);
});

test('emergency numbers pass every guard, and are counted', () => {
  const world = new GuardWorld({
    tenant: { stopOutbound: true },
    tenantLimits: { concurrentCalls: 0, callsPerMinute: 0, dailyMinutes: 0 },
    extensionLimits: { concurrentCalls: 0, callsPerMinute: 0, dailyMinutes: 0 },
  });
  expect(world.ask().granted).toBe(false);
  const call = world.ask(true);
  expect(call).toMatchObject({ granted: true, talkLimitMs: undefined });
  expect(world.capacity.inProgress('tenant acme')).toBe(1);
  if (call.granted) call.ended(0);
  expect(world.capacity.inProgress('tenant acme')).toBe(0);
});

describe('a call of another process', () => {
  test('is never refused; its place and its minutes count from its answer', () => {
    const world = new GuardWorld({ tenantLimits: { concurrentCalls: 1, dailyMinutes: 60 } });
    const answeredAtMs = world.scheduler.nowMs() - 50 * 60_000;
    const going = { tenant: world.tenant, extension: world.extension, number: '4930555', emergency: false };
    const grants = [
      world.guards.resume(going, answeredAtMs, 'any'),
      world.guards.resume(going, answeredAtMs + 45 * 60_000, 'any'),
    ];
    expect(world.minutesToday()).toBe(55);
    expect(world.ask()).toMatchObject({ granted: false, code: 'concurrent-calls-exceeded' });
    grants[0]?.ended(50 * 60_000);
    grants[1]?.ended(5 * 60_000);
    expect(world.capacity.inProgress('tenant acme')).toBe(0);
    expect(world.ask()).toMatchObject({ granted: true, talkLimitMs: 5 * 60_000 });
  });
});

/** Nodes of one store, with the tenant of a world. */
class SharedWorld extends GuardWorld {
  readonly store = new MemoryTallies();
  readonly nodes = new SharedNodes(this.scheduler);

  async node(name: string): Promise<GuardNode> {
    const node = this.nodes.join();
    const capacity = new Capacity(this.scheduler, node.limits);
    const guards = new Guards({
      scheduler: this.scheduler,
      log: silentLog,
      tallyStore: this.store.of(name),
      shared: node.limits,
      capacity,
      onEvent: (code, detail) => this.events.push(`${name} ${code} ${detail['holder']}`),
      onUsedUp: this.onUsedUp,
    });
    node.use = () => ({ ...capacity.use(), ...guards.use() });
    await guards.restore();
    return { node, guards };
  }

  /** How many of so many calls that are asked for at once are let in. */
  admitted({ guards }: GuardNode, asked: number): readonly GuardGrant[] {
    const call = { tenant: this.tenant, extension: this.extension, number: '4930555', emergency: false };
    return Array.from({ length: asked }, () => guards.admit(call)).flatMap((answer) =>
      answer.granted ? [answer] : [],
    );
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 250) {
      this.scheduler.advance(250);
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    }
  }

  away(isAway: boolean): void {
    this.store.isAway = isAway;
    this.nodes.isStoreAway = isAway;
  }
}

interface GuardNode {
  readonly node: SharedNode;
  readonly guards: Guards;
}

describe('several nodes', () => {
  test('calls per minute are counted together, also by a node that has begun anew, and forgotten after the minute', async () => {
    const world = new SharedWorld({ tenantLimits: { callsPerMinute: 10 } });
    const [a, b] = [await world.node('a'), await world.node('b')];
    expect(world.admitted(a, 4)).toHaveLength(4);
    await world.pass(1_000);
    expect(world.admitted(b, 10)).toHaveLength(6);
    await world.pass(1_000);
    expect(world.admitted(a, 10)).toHaveLength(0);
    // Killed, and started again.
    expect(world.admitted(await world.node('a again'), 10)).toHaveLength(0);
    await world.pass(55_000);
    expect(world.admitted(a, 10)).toHaveLength(0);
    await world.pass(10_000);
    expect(world.admitted(b, 20)).toHaveLength(10);
  });

  test('minutes of a day are counted together: calls that run, that have ended, and those of a node that has died', async () => {
    const world = new SharedWorld({ tenantLimits: { dailyMinutes: 60 } });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const [running, ended] = world.admitted(a, 2);
    running?.answered('any');
    ended?.answered('any');
    await world.pass(10 * 60_000);
    expect(world.admitted(b, 1)[0]?.talkLimitMs).toBeCloseTo(40 * 60_000, -4);
    ended?.ended(10 * 60_000);
    await world.pass(20 * 60_000);
    expect(world.admitted(b, 1)[0]?.talkLimitMs).toBeCloseTo(20 * 60_000, -4);
    await world.pass(20 * 60_000);
    expect(world.admitted(b, 1)).toHaveLength(0);
    // The call that runs is taken over, and counts from its answer on: once.
    world.nodes.kill(a.node);
    const going = { tenant: world.tenant, extension: world.extension, number: '4930555', emergency: false };
    b.guards.resume(going, world.scheduler.nowMs() - 50 * 60_000, 'any').ended(50 * 60_000);
    await world.pass(6_000);
    const minutes = (guards: Guards) => world.minutesToday(guards);
    expect(minutes(b.guards)).toBe(60);
    const again = await world.node('a again');
    expect(world.admitted(again, 1)).toHaveLength(0);
    expect(minutes(again.guards)).toBe(60);
    world.scheduler.advance(13 * 3_600_000);
    expect(world.admitted(again, 1)).toHaveLength(1);
  });

  test('calls that run at two nodes end together, each at its own; so does one that was taken over', async () => {
    const world = new SharedWorld({ tenantLimits: { dailyMinutes: 10 } });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const startMs = world.scheduler.nowMs();
    const [ofA] = world.admitted(a, 1);
    ofA?.answered('a');
    for (const [n, call] of world.admitted(b, 3).entries()) call.answered(`b${n}`);
    await world.pass(60_000);
    expect(world.ended).toEqual([]);
    // Another takes the place of the node that has ended, with its call.
    world.nodes.kill(a.node);
    await world.pass(2_000);
    const going = { tenant: world.tenant, extension: world.extension, number: '4930555', emergency: false };
    const c = await world.node('c');
    c.guards.resume(going, startMs, 'c');
    await world.pass(87_000);
    expect(world.ended).toEqual([]);
    await world.pass(60_000);
    // The dead node's timers still run here.
    const ended = world.ended.map(({ callId, atMs }) => `${callId} ${Math.round((atMs - startMs) / 1_000)}`);
    expect(ended.filter((each) => !each.startsWith('a ')).toSorted()).toEqual(['b0 150', 'b1 150', 'b2 150', 'c 150']);
  });

  test('that a day is nearly used up is told once, by one of them', async () => {
    const world = new SharedWorld({ tenantLimits: { dailyMinutes: 10 } });
    const [a, b] = [await world.node('a'), await world.node('b')];
    for (const each of [a, b, a]) {
      const [call] = world.admitted(each, 1);
      call?.answered('any');
      await world.pass(3 * 60_000);
      call?.ended(3 * 60_000);
      await world.pass(1_000);
    }
    expect(world.events).toEqual(['a daily-minutes-low tenant acme']);
  });

  test('a limit that is set during the day counts what was talked before at all of them', async () => {
    const world = new SharedWorld();
    const [a, b] = [await world.node('a'), await world.node('b')];
    for (const each of [a, b]) {
      const [call] = world.admitted(each, 1);
      call?.answered('any');
      await world.pass(6 * 60_000);
      call?.ended(6 * 60_000);
    }
    const limited = { ...world.tenant, limits: { dailyMinutes: 10 } } as Tenant;
    const ask = ({ guards }: GuardNode) => guards.admit({ tenant: limited, number: '1', emergency: false }).granted;
    expect([ask(a), ask(b)]).toEqual([true, true]);
    await world.pass(1_000);
    expect([ask(a), ask(b)]).toEqual([false, false]);
  });

  test('a limit that is set while calls run is told at once, with them and what was talked before; explain changes nothing', async () => {
    const world = new SharedWorld();
    const [a, b] = [await world.node('a'), await world.node('b')];
    const [running, ended] = world.admitted(a, 2);
    running?.answered('any');
    ended?.answered('any');
    await world.pass(10 * 60_000);
    ended?.ended(10 * 60_000);
    await world.pass(1_000);
    const limited = (dailyMinutes?: number) => provision(acmeWith({ tenantLimits: { dailyMinutes } }));
    const [tenant] = limited(60).tenants as [Tenant];
    const call = { tenant, number: '1', emergency: false };
    expect(a.guards.rehearse(call, new Capacity(world.scheduler))).toBeUndefined();
    await world.pass(1_000);
    expect([a.guards.use().talking, world.store.totals.size]).toEqual([{}, 0]);

    for (const { guards } of [a, b]) allAtOnce(guards.follow(new Directory(limited(60))));
    await world.pass(1_000);
    expect(a.guards.use().talking).toHaveProperty('tenant acme');
    expect(b.guards.admit(call)).toMatchObject({ granted: true });
    const { talkLimitMs } = b.guards.admit(call) as GuardGrant;
    expect(talkLimitMs).toBeCloseTo(40 * 60_000, -4);
    await world.pass(10 * 60_000);
    running?.ended(20 * 60_000);
    await world.pass(1_000);
    expect(world.minutesToday(b.guards)).toBeCloseTo(30, 5);

    const [another] = world.admitted(a, 1);
    another?.answered('any');
    for (const { guards } of [a, b]) allAtOnce(guards.follow(new Directory(limited())));
    expect(a.guards.rehearse(call, new Capacity(world.scheduler))).toBeUndefined();
    expect(a.guards.use().talking).toEqual({});
  });

  test.each([
    ['total first, then roster', false],
    ['roster first, then total', true],
  ])(
    'a long call that ends is counted once at every moment, whichever is heard of first: %s',
    async (_name, isSlow) => {
      const world = new SharedWorld({ tenantLimits: { dailyMinutes: 500 } });
      const [a, b] = [await world.node('a'), await world.node('b')];
      const [long] = world.admitted(a, 1);
      long?.answered('any');
      await world.pass(300 * 60_000);
      world.scheduler.advance(100);
      long?.ended(300 * 60_000 + 100);
      world.store.isSlow = isSlow;
      const left: number[] = [];
      for (let ms = 0; ms < 3_000; ms += 50) {
        if (ms === 2_000) world.store.isSlow = false;
        const [call] = world.admitted(b, 1);
        left.push(Math.round((call?.talkLimitMs ?? 0) / 1_000));
        call?.ended(0);
        world.scheduler.advance(50);
        for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      }
      expect(Math.min(...left)).toBeGreaterThanOrEqual(200 * 60 - 1);
      expect(Math.max(...left)).toBeLessThanOrEqual(200 * 60);
      // It is told no longer than it takes.
      await world.pass(6_000);
      expect(a.guards.use()).toEqual({ talking: {} });
    },
  );

  test('while the store is away each has its share; what was used is told when it is back', async () => {
    const world = new SharedWorld({ tenantLimits: { callsPerMinute: 20, dailyMinutes: 100 } });
    const [a, b] = [await world.node('a'), await world.node('b')];
    await world.pass(1_000);
    world.away(true);
    await world.pass(3_000);
    expect(world.admitted(a, 20)).toHaveLength(10);
    const ofB = world.admitted(b, 20);
    expect(ofB).toHaveLength(10);
    expect(ofB[0]?.talkLimitMs).toBeCloseTo(50 * 60_000, -3);
    ofB[0]?.answered('any');
    await world.pass(50 * 60_000);
    expect(world.admitted(b, 1)).toHaveLength(0);
    ofB[0]?.ended(50 * 60_000);
    expect(world.admitted(b, 1)).toHaveLength(0);
    expect(world.admitted(a, 1)).toHaveLength(1);
    world.away(false);
    await world.pass(2_000);
    expect(world.admitted(a, 1)[0]?.talkLimitMs).toBeCloseTo(50 * 60_000, -3);
    expect(world.admitted(b, 1)).toHaveLength(1);
  });

  test('while the store is away calls that were up use up no more than they had; each has an equal part of the rest', async () => {
    const world = new SharedWorld({ tenantLimits: { dailyMinutes: 500 } });
    const [a, b] = [await world.node('a'), await world.node('b')];
    const [ofA] = world.admitted(a, 1);
    ofA?.answered('any');
    const ofB = world.admitted(b, 10);
    for (const call of ofB) call.answered('any');
    await world.pass(10 * 60_000);
    world.away(true);
    await world.pass(60_000);
    // They hang up, and nobody can be told.
    ofA?.ended(11 * 60_000);
    for (const call of ofB) call.ended(11 * 60_000);
    const left = (node: GuardNode) => {
      const [call] = world.admitted(node, 1);
      call?.ended(0);
      return Math.round((call?.talkLimitMs ?? 0) / 60_000);
    };
    // Of the 390 that were left at the cut each has 195; the minute after it is its own.
    const parts = [left(a), left(b)];
    expect(parts).toEqual([194, 185]);
    await world.pass(2 * 3_600_000);
    expect([left(a), left(b)]).toEqual(parts);
    expect(world.events).toEqual([]);
    world.away(false);
    await world.pass(3_000);
    expect([left(a), left(b)]).toEqual([379, 379]);
  });
});
