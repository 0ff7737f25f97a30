import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backOffMs, flowLossDelayMs, refreshDelayMs, retryAfterMs } from '../../src/trunks/registration-timing.ts';

const chance = fc.double({ min: 0, max: 0.999999, noNaN: true });

test('a refresh is never late, never earlier than needed, and in time for a second try of a long registration', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 86_400 }), chance, (granted, drawn) => {
      const delayMs = refreshDelayMs(granted, () => drawn);
      const nominalMs = Math.max(granted * 500, granted * 1000 - 30_000);
      expect(delayMs).toBeLessThanOrEqual(nominalMs);
      expect(delayMs).toBeGreaterThanOrEqual(nominalMs * 0.95);
    }),
  );
});

test('back-off: 30 s, doubling, 30 min at most, ± 20 %, however often', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), chance, (failures, drawn) => {
      const nominalMs = Math.min(30_000 * 2 ** (failures - 1), 1_800_000);
      const delayMs = backOffMs(failures, () => drawn);
      expect(delayMs).toBeGreaterThanOrEqual(nominalMs * 0.8);
      expect(delayMs).toBeLessThanOrEqual(nominalMs * 1.2);
    }),
  );
});

test.each([
  [0, 5_000],
  [60, 60_000],
  [3600, 3_600_000],
  [2 ** 32 - 1, 3_600_000],
])('Retry-After %i: %i ms and up to a fifth more', (seconds, leastMs) => {
  expect(retryAfterMs(seconds, () => 0)).toBe(leastMs);
  expect(retryAfterMs(seconds, () => 1)).toBeCloseTo(leastMs * 1.2);
});

test('RFC 5626 §4.5: connections lost in a row are made anew after 2 s, doubling to a minute, half of it by chance', () => {
  expect([1, 2, 3, 6, 1000].map((losses) => flowLossDelayMs(losses, () => 1))).toEqual([
    2000, 4000, 8000, 60_000, 60_000,
  ]);
  expect(flowLossDelayMs(1, () => 0)).toBe(1000);
});
