import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { LoopDelay } from '../../src/observe/loop-delay.ts';

const LONG_TURN_MS = 120;

function keepBusy(): void {
  for (const endMs = performance.now() + LONG_TURN_MS; performance.now() < endMs; );
}

afterEach(() => {
  vi.restoreAllMocks();
});

test('a turn that takes long is known to each reader until he begins anew', async () => {
  const delay = new LoopDelay();
  const [scrape, minute] = [delay.reading(), delay.reading()];
  try {
    // Busy: samples come often.
    for (let turn = 0; turn < 6; turn++) {
      keepBusy();
      await pause(10);
    }
    expect(scrape.mostMs).toBeGreaterThan(LONG_TURN_MS / 4);
    expect(scrape.percentileMs(100)).toBeCloseTo(scrape.mostMs, 0);
    expect(scrape.meanMs).toBeLessThanOrEqual(scrape.mostMs);
    expect(scrape.leastMs).toBeLessThanOrEqual(scrape.meanMs);
    const { mostMs } = scrape;
    scrape.reset();
    const { leastMs, meanMs, deviationMs } = scrape;
    expect([scrape.mostMs, leastMs, meanMs, deviationMs, scrape.percentileMs(99)]).toEqual([0, 0, 0, 0, 0]);
    expect(minute.mostMs).toBe(mostMs);
  } finally {
    delay.close();
  }
});

test('a turn that takes long between two samples of a calm loop is known as well', async () => {
  const delay = new LoopDelay();
  const reading = delay.reading();
  try {
    keepBusy();
    while (reading.mostMs === 0) await pause(50);
    expect(reading.mostMs).toBeGreaterThanOrEqual(LONG_TURN_MS);
  } finally {
    delay.close();
  }
});

test('what a calm loop did between two samples counts as one turn when it may have been one of 50 ms, and of a busy one never', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    let nowMs = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
    const used = { idle: 0, active: 0, utilization: 0 };
    vi.spyOn(performance, 'eventLoopUtilization').mockImplementation(() => ({ ...used }));
    const delay = new LoopDelay();
    const reading = delay.reading();
    const mostIn = (active: number, ms: number): number => {
      used.active = active;
      used.utilization = active / ms;
      reading.reset();
      nowMs += ms;
      vi.advanceTimersByTime(ms);
      return reading.mostMs;
    };
    expect(mostIn(4, 500)).toBeLessThan(1);
    expect(mostIn(70, 500)).toBeCloseTo(70, 0);
    // Busy now: samples come as often as such a turn could be long.
    expect(mostIn(50, 50)).toBeLessThan(1);
    expect(mostIn(0, 50)).toBeLessThan(1);
    expect(mostIn(49, 500)).toBeLessThan(1);
    delay.close();
  } finally {
    vi.useRealTimers();
  }
});

test('a busy loop is looked at 20 times a second, a calm one twice, and one that is not read any more never', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    let share = 0;
    vi.spyOn(performance, 'eventLoopUtilization').mockImplementation(() => ({
      idle: 0,
      active: 0,
      utilization: share,
    }));
    const delay = new LoopDelay();
    const looks = () =>
      vi.mocked(performance.eventLoopUtilization).mock.calls.filter(([before]) => before === undefined).length;
    const looksIn = (ms: number): number => {
      const before = looks();
      vi.advanceTimersByTime(ms);
      return looks() - before;
    };
    expect(looksIn(10_000)).toBe(20);
    share = 0.3;
    vi.advanceTimersByTime(500);
    expect(looksIn(10_000)).toBe(200);
    delay.close();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
