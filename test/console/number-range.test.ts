import { expect, test } from 'vitest';
import { numbersBetween } from '../../src/console/pages/provisioning/number-range.ts';

test.each([
  ['101', '103', ['101', '102', '103']],
  ['098', '101', ['098', '099', '100', '101']],
  ['7', '7', ['7']],
  ['999999999999998', '999999999999999', ['999999999999998', '999999999999999']],
  ['103', '101', undefined],
  ['99', '101', undefined],
  ['1000', '2000', undefined],
  ['1a', '20', undefined],
  ['', '', undefined],
])('the numbers from %s to %s', (first, last, numbers) => {
  expect(numbersBetween(first, last)).toEqual(numbers);
});

test('a thousand numbers are the most', () => {
  expect(numbersBetween('1000', '1999')).toHaveLength(1000);
});
