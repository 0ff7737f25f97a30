import { expect, test } from 'vitest';
import { isoTime } from '../../src/base/iso-time.ts';

test('the same text as of a Date, in any order of times', () => {
  const noon = Date.UTC(2026, 10, 21, 12);
  for (const ms of [
    noon,
    noon + 7,
    noon + 70,
    noon + 999,
    noon + 1000,
    noon + 1.7,
    noon - 1,
    0,
    999,
    noon + 86_400_000,
  ]) {
    expect(isoTime(ms)).toBe(new Date(ms).toISOString());
  }
});
