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
  expect(beatAt(100)).toBe(undefined);
  expect(beatAt(2_200)).toBe(undefined);
  const seconds = beatAt(4_301);
  expect(seconds).toBeGreaterThanOrEqual(1);
  expect(seconds).toBeLessThanOrEqual(4);
  expect(beatAt(4_401)).toBe(undefined);
});
