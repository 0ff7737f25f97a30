import { expect, test } from 'vitest';
import { dueIn, msUntil } from '../../src/base/due-time.ts';

const clockAt = (ms: number) => ({ nowMs: () => ms, wallMs: () => 0 });

test.each([0, 0.4, 1_234.9, 2 ** 31 - 1_000.5, 2 ** 31 + 17.25, 2 ** 32 - 3.3, 9e12 + 0.6])(
  'from %d on it is never over too early, nor a whole 2 ms too late, and takes no more than a small integer',
  (startMs) => {
    const due = dueIn(clockAt(startMs), 32_000);
    expect(due).toBe(due | 0);
    for (const passedMs of [0, 0.7, 500, 31_999.5, 32_000, 32_000.3, 60_000]) {
      const left = msUntil(clockAt(startMs + passedMs), due);
      expect(left).toBeGreaterThanOrEqual(32_000 - passedMs - 0.01);
      expect(left).toBeLessThan(32_002 - passedMs);
    }
  },
);
