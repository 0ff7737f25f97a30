import fc from 'fast-check';
import { expect, test } from 'vitest';
import { glareDelayMs, retryAfterSeconds } from '../../../src/sip/dialog/index.ts';

const draws = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('§14.1: the side that made the Call-ID waits 2.1 to 4 s, the other 0 to 2 s, in steps of 10 ms', () => {
  fc.assert(
    fc.property(draws, (draw) => {
      const owner = glareDelayMs(true, () => draw);
      const other = glareDelayMs(false, () => draw);
      expect(owner).toBeGreaterThanOrEqual(2100);
      expect(owner).toBeLessThanOrEqual(4000);
      expect(other).toBeGreaterThanOrEqual(0);
      expect(other).toBeLessThanOrEqual(2000);
      expect([owner % 10, other % 10]).toEqual([0, 0]);
    }),
  );
  expect([glareDelayMs(true, () => 0), glareDelayMs(true, () => 0.9999)]).toEqual([2100, 4000]);
  expect([glareDelayMs(false, () => 0), glareDelayMs(false, () => 0.9999)]).toEqual([0, 2000]);
});

test('§14.2: Retry-After is 0 to 10 s', () => {
  expect([retryAfterSeconds(() => 0), retryAfterSeconds(() => 0.9999)]).toEqual([0, 10]);
});
