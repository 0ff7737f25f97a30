import { expect, test } from 'vitest';
import { SteppedScheduler } from '../../src/base/stepped-scheduler.ts';

const clock = { nowMs: () => 500, wallMs: () => 1_700_000_000_000 };

function noting(seen: string[], name: string) {
  return { onTimer: (kind: number) => void seen.push(`${name}${kind}`) };
}

test('time goes on to the timer that is due next, of several to the one that was armed first, and begins at the time of the clock', () => {
  const scheduler = new SteppedScheduler(clock);
  const seen: string[] = [];
  scheduler.schedule(200, noting(seen, 'late'), 1);
  scheduler.schedule(50, noting(seen, 'first'), 2);
  scheduler.schedule(50, noting(seen, 'second'), 3);
  expect([scheduler.nowMs(), scheduler.wallMs()]).toEqual([500, 1_700_000_000_000]);
  expect(scheduler.step()).toBe(true);
  expect([scheduler.nowMs(), scheduler.elapsedMs]).toEqual([550, 50]);
  scheduler.step();
  scheduler.step();
  expect(seen).toEqual(['first2', 'second3', 'late1']);
  expect(scheduler.wallMs()).toBe(1_700_000_000_200);
  expect(scheduler.step()).toBe(false);
  expect(scheduler.elapsedMs).toBe(200);
});

test('a timer that is cancelled does not fire; one that is armed by another counts from there; none is due in the past', () => {
  const scheduler = new SteppedScheduler(clock);
  const seen: string[] = [];
  const timer = scheduler.schedule(10, noting(seen, 'never'), 0);
  scheduler.schedule(20, { onTimer: () => void scheduler.schedule(-5, noting(seen, 'then'), 7) }, 0);
  timer.cancel();
  timer.cancel();
  while (scheduler.step());
  expect(seen).toEqual(['then7']);
  expect(scheduler.elapsedMs).toBe(20);
});
