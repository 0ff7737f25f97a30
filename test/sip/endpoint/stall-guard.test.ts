import { expect, test } from 'vitest';
import { StallGuard } from '../../../src/sip/endpoint/index.ts';

test('what has waited longer than it may is refused: all of it, until the next beat', () => {
  const clock = { nowMs: 0 };
  const scheduler = { nowMs: () => clock.nowMs, wallMs: () => 0, schedule: () => ({ cancel: () => {} }) };
  const guard = new StallGuard(scheduler, 2_000);
  const beatAt = (nowMs: number) => {
    clock.nowMs = nowMs;
    guard.onTimer();
    return guard.retryAfterSeconds();
  };
  expect(beatAt(200)).toBe(undefined);
  expect(beatAt(2_300)).toBe(undefined);
  const seconds = beatAt(4_501);
  expect(seconds).toBeGreaterThanOrEqual(1);
  expect(seconds).toBeLessThanOrEqual(4);
  expect(beatAt(4_601)).toBe(undefined);
});

test('it wakes an idle process twice a second; after a standstill it lets in again what comes a tenth of a second later', () => {
  const delays = (maxWaitMs: number, latenesses: readonly number[]): number[] => {
    const asked: number[] = [];
    let nowMs = 0;
    const schedule = (delayMs: number) => {
      asked.push(delayMs);
      return { cancel: () => {} };
    };
    const guard = new StallGuard({ nowMs: () => nowMs, wallMs: () => 0, schedule }, maxWaitMs);
    for (const lateMs of latenesses) {
      nowMs += (asked.at(-1) ?? 0) + lateMs;
      guard.onTimer();
    }
    return asked;
  };
  expect(delays(6_000, [0, 6_001, 0])).toEqual([500, 500, 100, 500]);
  // A short limit is kept as exactly.
  expect(delays(300, [0])).toEqual([100, 100]);
});
