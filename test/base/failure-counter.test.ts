import { expect, test } from 'vitest';
import { FailureCounter } from '../../src/base/failure-counter.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

test('a key is blocked from its last failure allowed until the window ends; others are not', () => {
  const clock = new VirtualScheduler();
  const failures = new FailureCounter(clock, { failures: 3, windowMs: 1000 });
  failures.count('a');
  failures.count('a');
  failures.count('many', 3);
  expect([failures.isBlocked('a'), failures.isBlocked('many')]).toEqual([false, true]);
  failures.count('a');
  expect([failures.isBlocked('a'), failures.isBlocked('b')]).toEqual([true, false]);
  clock.advance(1000);
  expect(failures.isBlocked('a')).toBe(false);
});

test('what is taken back was never counted, and of a window that has ended nothing is', () => {
  const clock = new VirtualScheduler();
  const failures = new FailureCounter(clock, { failures: 3, windowMs: 1000 });
  const takeBack = failures.count('a', 2);
  failures.count('a', 2);
  takeBack();
  expect(failures.isBlocked('a')).toBe(false);
  const takeOldBack = failures.count('a');
  expect(failures.isBlocked('a')).toBe(true);
  clock.advance(1000);
  expect(failures.isBlocked('a')).toBe(false);
  failures.count('a', 3);
  takeOldBack();
  expect(failures.isBlocked('a')).toBe(true);
});

test('where all were taken back the window begins with what is counted next', () => {
  const clock = new VirtualScheduler();
  const failures = new FailureCounter(clock, { failures: 3, windowMs: 1000 });
  failures.count('a', 2)();
  clock.advance(900);
  failures.count('a', 3);
  clock.advance(100);
  expect(failures.isBlocked('a')).toBe(true);
});

test('10,000 keys are remembered, the oldest goes first', () => {
  const failures = new FailureCounter(new VirtualScheduler(), { failures: 1, windowMs: 1000 });
  for (let i = 0; i <= 10_000; i++) failures.count(`k${i}`);
  expect([failures.isBlocked('k0'), failures.isBlocked('k1'), failures.isBlocked('k10000')]).toEqual([
    false,
    true,
    true,
  ]);
});
