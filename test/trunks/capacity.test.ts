import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allAtOnce } from '../../src/base/steps.ts';
import { Capacity } from '../../src/trunks/capacity.ts';
import { SharedLimits, type UseOfNodes } from '../../src/trunks/shared-limits.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

test('calls in progress beyond the limit are refused until one ends; ending twice gives one place back', () => {
  const capacity = new Capacity(new VirtualScheduler());
  const trunk = { key: 'trunk 1', concurrentCalls: 2 };
  const first = capacity.admit([trunk]);
  const second = capacity.admit([trunk]);
  expect(first.granted && second.granted).toBe(true);
  expect(capacity.admit([trunk])).toEqual({ granted: false, holder: 'trunk 1', limit: 'concurrent-calls' });
  if (first.granted) {
    first.release();
    first.release();
  }
  expect(capacity.inProgress('trunk 1')).toBe(1);
  expect(capacity.admit([trunk]).granted).toBe(true);
  expect(capacity.admit([trunk]).granted).toBe(false);
});

test('it is known whether a holder has no place left, from its last place being taken until one ends', () => {
  const capacity = new Capacity(new VirtualScheduler());
  const trunk = { key: 'trunk 1', concurrentCalls: 2 };
  const tenant = { key: 'tenant a' };
  const full = () => ['trunk 1', 'tenant a', 'trunk 2'].filter((key) => capacity.hasNoPlace(key));
  const first = capacity.admit([trunk, tenant]);
  expect(full()).toEqual([]);
  const second = capacity.admit([trunk, tenant]);
  const emergency = capacity.admit([trunk], true);
  expect(full()).toEqual(['trunk 1']);
  for (const grant of [emergency, first]) if (grant.granted) grant.release();
  expect(full()).toEqual([]);
  if (first.granted) first.release();
  if (second.granted) second.release();
  expect([full(), capacity.size]).toEqual([[], 0]);
});

test('a holder whose last place another node takes has none left, and has one again when that node leaves, without being asked', () => {
  const clock = new VirtualScheduler();
  let elsewhere = 0;
  const nodes: UseOfNodes = {
    others: () => [{ calls: { 'trunk 1': elsewhere }, heardAtMs: 0 }],
    told: () => undefined,
    isCutOff: false,
  };
  const capacity = new Capacity(clock, new SharedLimits(clock, nodes));
  const trunk = { key: 'trunk 1', concurrentCalls: 2 };
  capacity.admit([trunk]);
  expect(capacity.hasNoPlace('trunk 1')).toBe(false);
  elsewhere = 1;
  expect(capacity.admit([trunk]).granted).toBe(false);
  expect(capacity.hasNoPlace('trunk 1')).toBe(true);
  elsewhere = 0;
  expect(capacity.hasNoPlace('trunk 1')).toBe(false);
});

test('a limit that is set lower or higher than what is in progress makes a holder full, or makes room, when it is followed', () => {
  const capacity = new Capacity(new VirtualScheduler());
  capacity.admit([{ key: 'trunk 1', concurrentCalls: 2 }]);
  allAtOnce(capacity.follow(() => ({ concurrentCalls: 1 })));
  expect(capacity.hasNoPlace('trunk 1')).toBe(true);
  allAtOnce(capacity.follow(() => ({ concurrentCalls: 3 })));
  expect(capacity.hasNoPlace('trunk 1')).toBe(false);
});

test('a refusal by one holder takes nothing from the others', () => {
  const capacity = new Capacity(new VirtualScheduler());
  capacity.admit([{ key: 'tenant a', concurrentCalls: 1 }]);
  const refused = capacity.admit([
    { key: 'trunk 1', concurrentCalls: 5, callsPerSecond: 10 },
    { key: 'tenant a', concurrentCalls: 1 },
  ]);
  expect(refused).toEqual({ granted: false, holder: 'tenant a', limit: 'concurrent-calls' });
  expect(capacity.inProgress('trunk 1')).toBe(0);
});

test('calls per second: in any second at most the rate and one grain of 100 ms, in steady state all of the rate', () => {
  const clock = new VirtualScheduler();
  const capacity = new Capacity(clock);
  const grantedAtMs: number[] = [];
  for (let ms = 0; ms < 10_000; ms++) {
    if (capacity.admit([{ key: 'trunk 1', callsPerSecond: 50 }]).granted) grantedAtMs.push(ms);
    clock.advance(1);
  }
  expect(grantedAtMs.length).toBeGreaterThanOrEqual(500);
  expect(grantedAtMs.length).toBeLessThanOrEqual(505);
  for (const startMs of grantedAtMs) {
    const inSecond = grantedAtMs.filter((ms) => ms >= startMs && ms < startMs + 1000).length;
    expect(inSecond).toBeLessThanOrEqual(55);
  }
});

test('a rate below ten a second still lets single calls through', () => {
  const clock = new VirtualScheduler();
  const capacity = new Capacity(clock);
  const slow = { key: 'trunk 1', callsPerSecond: 0.5 };
  expect(capacity.admit([slow]).granted).toBe(true);
  expect(capacity.admit([slow])).toEqual({ granted: false, holder: 'trunk 1', limit: 'calls-per-second' });
  clock.advance(2000);
  expect(capacity.admit([slow]).granted).toBe(true);
});

test('whatever comes and goes, a holder is never over its limit and ends at 0', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ holder: fc.integer({ min: 0, max: 2 }), end: fc.boolean() }), { maxLength: 200 }),
      (steps) => {
        const capacity = new Capacity(new VirtualScheduler());
        const held: { release(): void }[] = [];
        for (const { holder, end } of steps) {
          if (end) held.pop()?.release();
          else {
            const answer = capacity.admit([
              { key: 'all', concurrentCalls: 4 },
              { key: `h${holder}`, concurrentCalls: 2 },
            ]);
            if (answer.granted) held.push(answer);
          }
          expect(capacity.inProgress('all')).toBe(held.length);
          expect(held.length).toBeLessThanOrEqual(4);
        }
        for (const grant of held) grant.release();
        expect(capacity.inProgress('all')).toBe(0);
      },
    ),
  );
});

test('a holder without a rate is forgotten when its last call ends', () => {
  const capacity = new Capacity(new VirtualScheduler());
  const grants = ['a', 'b', 'a'].map((key) => capacity.admit([{ key, concurrentCalls: 9 }]));
  expect(capacity.size).toBe(2);
  for (const grant of grants) if (grant.granted) grant.release();
  expect(capacity.size).toBe(0);
});

test('what others are told of the use: calls in progress, and what was asked for of a rate in the last seconds', () => {
  const scheduler = new VirtualScheduler();
  const capacity = new Capacity(scheduler);
  const first = capacity.admit([
    { key: 'trunk 1', concurrentCalls: 2, callsPerSecond: 1 },
    { key: 'tenant acme', concurrentCalls: 9 },
  ]);
  expect(capacity.admit([{ key: 'trunk 1', concurrentCalls: 2, callsPerSecond: 1 }]).granted).toBe(false);
  expect(capacity.use()).toEqual({ calls: { 'trunk 1': 1, 'tenant acme': 1 }, rates: { 'trunk 1': 2 } });
  if (first.granted) first.release();
  scheduler.advance(5_000);
  expect(capacity.use()).toEqual({ calls: {}, rates: {} });
});

test('what is taken of a copy is not taken of what it was made from', () => {
  const scheduler = new VirtualScheduler();
  const capacity = new Capacity(scheduler);
  const trunk = { key: 'trunk 1', concurrentCalls: 2, callsPerSecond: 10 };
  const held = capacity.admit([trunk]);
  scheduler.advance(1000);
  const copy = capacity.copy(scheduler);
  expect([copy.admit([trunk, { key: 'other', concurrentCalls: 9 }]).granted, copy.admit([trunk]).granted]).toEqual([
    true,
    false,
  ]);
  expect(copy.use().calls).toEqual({ 'trunk 1': 2, other: 1 });
  expect(capacity.use().calls).toEqual({ 'trunk 1': 1 });
  expect(capacity.size).toBe(1);
  expect(capacity.admit([trunk]).granted).toBe(true);
  if (held.granted) held.release();
  expect(capacity.inProgress('trunk 1')).toBe(1);
});

test('the others are told of holders that have a limit, from the moment on at which one is set for them', () => {
  const capacity = new Capacity(new VirtualScheduler());
  capacity.admit([{ key: 'trunk 1', concurrentCalls: 9 }, { key: 'tenant acme' }, { key: 'extension acme/101' }], true);
  expect(capacity.use().calls).toEqual({ 'trunk 1': 1 });
  allAtOnce(capacity.follow((key) => (key === 'tenant acme' ? { concurrentCalls: 5 } : {})));
  expect(capacity.use().calls).toEqual({ 'tenant acme': 1 });
  capacity.admit([{ key: 'extension acme/101', concurrentCalls: 2 }]);
  expect(capacity.use().calls).toEqual({ 'tenant acme': 1, 'extension acme/101': 2 });
});
