import { expect, test } from 'vitest';
import { LoadGuard } from '../../../src/sip/endpoint/index.ts';
import { seededRandom } from '../../kit/simulated-link.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

function guarded() {
  const scheduler = new VirtualScheduler();
  const load = { value: 0.5 };
  const guard = new LoadGuard(scheduler, { probe: () => load.value, random: seededRandom(1) });
  const refused = () =>
    Array.from({ length: 1_000 }, () => guard.retryAfterSeconds()).filter((seconds) => seconds !== undefined);
  return { scheduler, load, guard, refused };
}

test('below the mark everything is let in', () => {
  const { scheduler, refused } = guarded();
  scheduler.advance(60_000);
  expect(refused()).toEqual([]);
});

test('while the loop is full a growing share is refused, but never all', () => {
  const { scheduler, load, guard, refused } = guarded();
  load.value = 1;
  scheduler.advance(200);
  expect(guard.refusedShare).toBeCloseTo(0.2);
  expect(refused().length).toBeGreaterThan(150);
  expect(refused().length).toBeLessThan(250);
  scheduler.advance(60_000);
  expect(guard.refusedShare).toBe(0.95);
  expect(refused().length).toBeLessThan(1_000);
});

test('5 s after the load has gone everything is let in again', () => {
  const { scheduler, load, refused } = guarded();
  load.value = 1;
  scheduler.advance(60_000);
  load.value = 0.5;
  scheduler.advance(5_000);
  expect(refused()).toEqual([]);
});

test('Retry-After is spread over 1 to 10 s', () => {
  const { scheduler, load, refused } = guarded();
  load.value = 1;
  scheduler.advance(60_000);
  expect([...new Set(refused())].sort((a, b) => Number(a) - Number(b))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

/** Keeps this thread computing. */
function compute(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

test('the built-in probe measures the share of time that this thread computed: some when busy, little when idle, never more than all', async () => {
  // The guard keeps its probe to itself: a sample above the mark refuses, one below does not.
  const refusedShare = async (highUtilization: number, work: () => unknown) => {
    const scheduler = new VirtualScheduler();
    const guard = new LoadGuard(scheduler, { highUtilization });
    await work();
    scheduler.advance(100);
    return guard.refusedShare;
  };
  expect(await refusedShare(0, () => compute(50))).toBeCloseTo(0.1);
  expect(await refusedShare(1.05, () => compute(50))).toBe(0);
  expect(await refusedShare(0.9, () => new Promise((resolve) => setTimeout(resolve, 200)))).toBe(0);
});

test('a stopped guard leaves no timer', () => {
  const scheduler = new VirtualScheduler();
  const guard = new LoadGuard(scheduler);
  guard.stop();
  expect(scheduler.armedCount).toBe(0);
});

test('with patience, a short full loop refuses nobody, a long one does, and once it does it answers at once', () => {
  const scheduler = new VirtualScheduler();
  const load = { value: 1 };
  const guard = new LoadGuard(scheduler, { probe: () => load.value, patience: 10 });
  scheduler.advance(1_000);
  expect(guard.refusedShare).toBe(0);
  load.value = 0.5;
  scheduler.advance(100);
  load.value = 1;
  scheduler.advance(1_000);
  expect(guard.refusedShare).toBe(0);
  scheduler.advance(300);
  expect(guard.refusedShare).toBeCloseTo(0.3);
  load.value = 0.5;
  scheduler.advance(100);
  load.value = 1;
  scheduler.advance(100);
  expect(guard.refusedShare).toBeCloseTo(0.38);
});

test('what has waited longer than it may is refused: all of it, until the next sample', () => {
  const clock = { nowMs: 0 };
  const scheduler = { nowMs: () => clock.nowMs, wallMs: () => 0, schedule: () => ({ cancel: () => {} }) };
  const guard = new LoadGuard(scheduler, { probe: () => 0.5, random: () => 0.99, maxWaitMs: 2_000 });
  const sampleAt = (nowMs: number) => {
    clock.nowMs = nowMs;
    guard.onTimer();
    return guard.retryAfterSeconds();
  };
  expect(sampleAt(100)).toBe(undefined);
  expect(sampleAt(2_200)).toBe(undefined);
  expect(sampleAt(4_301)).toBe(10);
  expect(sampleAt(4_401)).toBe(undefined);
});
