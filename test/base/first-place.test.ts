import { expect, test } from 'vitest';
import { firstPlace } from '../../src/base/first-place.ts';

test('the first place that it is so of is found wherever it is, also behind 2**32, and the end where there is none', () => {
  for (const from of [0, 7, 2 ** 40])
    for (let first = from; first <= from + 9; first++)
      expect(firstPlace(from, from + 9, (place) => place >= first)).toBe(first);
  expect(firstPlace(3, 3, () => true)).toBe(3);
});

test('of a million places twenty are asked of', () => {
  let asked = 0;
  firstPlace(0, 1_000_000, (place) => {
    asked++;
    return place > 333_333;
  });
  expect(asked).toBeLessThanOrEqual(20);
});
