import { expect, test, vi } from 'vitest';
import { WheelScheduler } from '../../src/base/wheel-scheduler.ts';

function fakeTime() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
  return () => vi.useRealTimers();
}

test('a timer never fires early and at most one tick late, a long one 100 ms', () => {
  const restore = fakeTime();
  try {
    const wheel = new WheelScheduler();
    const startMs = wheel.nowMs();
    const firedAtMs: { delayMs: number; lateMs: number }[] = [];
    for (const delayMs of [1, 10, 15, 500, 4000, 41_000, 120_000]) {
      wheel.schedule(
        delayMs,
        { onTimer: () => firedAtMs.push({ delayMs, lateMs: wheel.nowMs() - startMs - delayMs }) },
        0,
      );
    }
    vi.advanceTimersByTime(130_000);
    expect(firedAtMs).toHaveLength(7);
    for (const { delayMs, lateMs } of firedAtMs) {
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThanOrEqual(delayMs < 4000 ? 20 : 110);
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

test('a target that throws is told so and ends what it was about; only what it cannot end is everybody’s', () => {
  const restore = fakeTime();
  try {
    const [ended, everybodys]: unknown[][] = [[], []];
    const wheel = new WheelScheduler({ onError: (error) => everybodys?.push(error) });
    const throws = (error: string) => () => {
      throw error;
    };
    wheel.schedule(10, { onTimer: throws('boom'), onFault: (error) => ended?.push(error) }, 0);
    wheel.schedule(10, { onTimer: throws('bang'), onFault: throws('no end') }, 0);
    vi.advanceTimersByTime(100);
    expect([ended, everybodys]).toEqual([['boom'], ['no end']]);
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

test('it sleeps until something is due: a thousand long timers wake it a few times', () => {
  const restore = fakeTime();
  try {
    let looks = 0;
    const wheel = new WheelScheduler({
      monotonicMs: () => {
        looks++;
        return performance.now();
      },
    });
    let fired = 0;
    for (let index = 0; index < 1000; index++) wheel.schedule(32_000 + index / 10, { onTimer: () => fired++ }, 0);
    looks = 0;
    vi.advanceTimersByTime(40_000);
    expect(fired).toBe(1000);
    // Two looks at the clock per wake-up; at 100 wake-ups a second there would be 6,400.
    expect(looks).toBeLessThan(500);
  } finally {
    restore();
  }
});

test('a timer that comes again after half a second wakes it no more often', () => {
  const restore = fakeTime();
  try {
    let wakes = 0;
    const wheel = new WheelScheduler();
    const target = {
      onTimer: () => {
        wheel.schedule(500, target, 0);
      },
    };
    target.onTimer();
    const later = wheel.schedule(60_000, { onTimer: () => {} }, 0);
    for (; vi.getTimerCount() > 0 && wheel.nowMs() < 10_000; wakes++) vi.advanceTimersToNextTimer();
    later.cancel();
    wheel.close();
    expect(wakes).toBeLessThanOrEqual(21);
  } finally {
    restore();
  }
});

test('a short timer armed while a later one is waited for fires in its own time', () => {
  const restore = fakeTime();
  try {
    const wheel = new WheelScheduler();
    const fired: number[] = [];
    wheel.schedule(150, { onTimer: (kind) => fired.push(kind) }, 1);
    vi.advanceTimersByTime(5);
    wheel.schedule(20, { onTimer: (kind) => fired.push(kind) }, 2);
    vi.advanceTimersByTime(40);
    expect(fired).toEqual([2]);
    vi.advanceTimersByTime(140);
    expect(fired).toEqual([2, 1]);
  } finally {
    restore();
  }
});

test('time that passes at once fires what is due by then, and is kept', () => {
  const restore = fakeTime();
  try {
    const wheel = new WheelScheduler();
    const startMs = wheel.nowMs();
    const fired: number[] = [];
    wheel.schedule(100, { onTimer: (kind) => fired.push(kind) }, 1);
    wheel.schedule(700, { onTimer: (kind) => fired.push(kind) }, 2);
    wheel.advance(500);
    expect([fired, wheel.nowMs() - startMs]).toEqual([[1], 500]);
    vi.advanceTimersByTime(210);
    expect(fired).toEqual([1, 2]);
    wheel.close();
  } finally {
    restore();
  }
});

test('what is never held fires while the rest is, unless it was cancelled; a fault in it costs nothing else', () => {
  const restore = fakeTime();
  try {
    const faults: unknown[] = [];
    const wheel = new WheelScheduler({ onError: (error) => faults.push(error) });
    const fired: number[] = [];
    const target = { onTimer: (kind: number) => fired.push(kind) };
    wheel.holdWhile(() => true);
    wheel.schedule(50, target, 1);
    wheel.unheld.schedule(100, target, 2);
    wheel.unheld.schedule(100, target, 3).cancel();
    const defect = new Error('a defect');
    const faulty = {
      onTimer: () => {
        throw defect;
      },
    };
    wheel.unheld.schedule(100, faulty, 0);
    vi.advanceTimersByTime(99);
    expect(fired).toEqual([]);
    vi.advanceTimersByTime(1);
    expect([fired, faults]).toEqual([[2], [defect]]);
    wheel.close();
  } finally {
    restore();
  }
});

test('while it is held nothing fires, nor what is armed meanwhile; then all that is due does, but what was cancelled', () => {
  const restore = fakeTime();
  try {
    const wheel = new WheelScheduler();
    const fired: string[] = [];
    const arm = (delayMs: number, name: string) => wheel.schedule(delayMs, { onTimer: () => fired.push(name) }, 0);
    let isHeld = true;
    const fireDue = wheel.holdWhile(() => isHeld);
    arm(50, 'first');
    const given = arm(60, 'given up');
    vi.advanceTimersByTime(500);
    arm(20, 'second');
    arm(5_000, 'later');
    vi.advanceTimersByTime(500);
    given.cancel();
    expect(fired).toEqual([]);
    isHeld = false;
    fireDue();
    expect(fired).toEqual(['first', 'second']);
    vi.advanceTimersByTime(5_000);
    expect(fired).toEqual(['first', 'second', 'later']);
    expect(wheel.armedCount).toBe(0);
  } finally {
    restore();
  }
});
