import { expect, test } from 'vitest';
import { defined } from '../../src/base/defined.ts';

test('a copy has no field that is undefined; null, false, zero and an empty text are something', () => {
  const given = { a: undefined, b: null, c: false, d: 0, e: '' };
  const copy: { b: null; c: boolean; d: number; e: string; a?: never } = defined(given);
  expect(Object.entries(copy)).toEqual([
    ['b', null],
    ['c', false],
    ['d', 0],
    ['e', ''],
  ]);
  expect(Object.keys(given)).toHaveLength(5);
});
