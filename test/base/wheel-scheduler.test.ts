import { expect, test, vi } from 'vitest';
import { WheelScheduler } from '../../src/base/wheel-scheduler.ts';

function fakeTime() {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance', 'Date'] });
  return () => vi.useRealTimers();
}

test('a timer never fires early and at most one tick late', () => {
  const restore = fakeTime();
  try {
    const wheel = new WheelScheduler();
    const startMs = wheel.nowMs();
    const firedAtMs: number[] = [];
    for (const delayMs of [1, 10, 15, 500, 4000, 41_000, 120_000]) {
      wheel.schedule(delayMs, { onTimer: () => firedAtMs.push(wheel.nowMs() - startMs - delayMs) }, 0);
    }
    vi.advanceTimersByTime(130_000);
    expect(firedAtMs).toHaveLength(7);
    for (const lateMs of firedAtMs) {
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThanOrEqual(20);
    }
    expect(wheel.armedCount).toBe(0);
  } finally {
    restore();
  }
});

test('a cancelled timer does not fire, also when another timer of the same tick cancels it', () => {
  const restore = fakeTime();
  try {
    const wheel = new WheelScheduler();
    const fired: string[] = [];
    const first = wheel.schedule(50, { onTimer: () => fired.push('first') }, 0);
    first.cancel();
    first.cancel();
    wheel.schedule(
      50,
      {
        onTimer: () => {
          fired.push('second');
          third.cancel();
        },
      },
      0,
    );
    const third = wheel.schedule(50, { onTimer: () => fired.push('third') }, 0);
    vi.advanceTimersByTime(200);
    expect(fired).toEqual(['second']);
    expect(wheel.armedCount).toBe(0);
  } finally {
    restore();
  }
});

test('a target that throws costs its own timer only', () => {
  const restore = fakeTime();
  try {
    const errors: unknown[] = [];
    const wheel = new WheelScheduler({ onError: (error) => errors.push(error) });
    const fired: number[] = [];
    wheel.schedule(
      10,
      {
        onTimer: () => {
          throw new Error('boom');
        },
      },
      0,
    );
    wheel.schedule(10, { onTimer: (kind) => fired.push(kind) }, 7);
    vi.advanceTimersByTime(100);
    expect(errors).toHaveLength(1);
    expect(fired).toEqual([7]);
  } finally {
    restore();
  }
});

test('timers armed again after an idle time are counted from now', () => {
  const restore = fakeTime();
  try {
    const wheel = new WheelScheduler();
    const fired: number[] = [];
    wheel.schedule(10, { onTimer: (kind) => fired.push(kind) }, 1);
    vi.advanceTimersByTime(60_000);
    wheel.schedule(30, { onTimer: (kind) => fired.push(kind) }, 2);
    vi.advanceTimersByTime(20);
    expect(fired).toEqual([1]);
    vi.advanceTimersByTime(30);
    expect(fired).toEqual([1, 2]);
  } finally {
    restore();
  }
});
