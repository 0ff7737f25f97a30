import { expect, test } from 'vitest';
import { TargetHealth } from '../../src/trunks/target-health.ts';

const once = { downAfter: 1, upAfter: 1 };

test('nothing known is unknown; one word decides', () => {
  const health = new TargetHealth();
  expect(health.verdict(0).liveness).toBe('unknown');
  health.alive('a', 200, 'OK', { downAfter: 5, upAfter: 5 });
  expect(health.verdict(0)).toMatchObject({ liveness: 'up', code: 200, reason: 'OK' });
});

test('up while one target is, unknown while one is, down when all are', () => {
  const health = new TargetHealth();
  health.failed('a', 404, 'Not Found', once);
  health.hold('b', 10, 503, 'asked to wait');
  expect(health.verdict(5)).toEqual({ liveness: 'down', code: 503, reason: 'asked to wait' });
  expect(health.verdict(11).liveness).toBe('unknown');
  health.alive('b', 200, 'OK', once);
  expect(health.verdict(11).liveness).toBe('up');
});

test('failures and successes count in a row', () => {
  const health = new TargetHealth();
  const slow = { downAfter: 2, upAfter: 2 };
  health.alive('a', 200, 'OK', slow);
  health.failed('a', undefined, 'no answer', slow);
  health.alive('a', 200, 'OK', slow);
  health.failed('a', undefined, 'no answer', slow);
  expect(health.livenessOf('a', 0)).toBe('up');
  health.failed('a', undefined, 'no answer', slow);
  expect(health.livenessOf('a', 0)).toBe('down');
  health.alive('a', 200, 'OK', slow);
  expect(health.livenessOf('a', 0)).toBe('down');
  health.alive('a', 200, 'OK', slow);
  expect(health.livenessOf('a', 0)).toBe('up');
});

test('a hold ends by itself, or with an answer; the earliest end is known', () => {
  const health = new TargetHealth();
  health.alive('a', 200, 'OK', once);
  health.hold('a', 100, 503, 'asked to wait');
  health.hold('b', 50, 503, 'asked to wait');
  expect([health.isHeld('a', 99), health.isHeld('a', 100)]).toEqual([true, false]);
  expect(health.nextReleaseMs(0)).toBe(50);
  expect(health.nextReleaseMs(50)).toBe(100);
  expect(health.livenessOf('a', 100)).toBe('up');
  health.alive('b', 200, 'OK', once);
  expect(health.isHeld('b', 10)).toBe(false);
});

test('targets that are not in use any more are forgotten', () => {
  const health = new TargetHealth();
  health.failed('a', 500, '', once);
  health.alive('b', 200, '', once);
  health.keepOnly(new Set(['a']));
  expect(health.verdict(0).liveness).toBe('down');
  health.keepOnly(new Set());
  expect(health.verdict(0).liveness).toBe('unknown');
});

test('of what a peer says at length the beginning is kept', () => {
  const health = new TargetHealth();
  health.alive('a', 486, `Busy ${'x'.repeat(8_000)}`, { downAfter: 1, upAfter: 1 });
  expect(health.view('a', 0).reason).toHaveLength(256);
});
