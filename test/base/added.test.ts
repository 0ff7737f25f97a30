import { expect, test } from 'vitest';
import { added } from '../../src/base/added.ts';

test('a list with one more is another list, and what is added stays one element whatever it is', () => {
  const none: readonly (readonly string[])[] = [];
  const one = added(none, ['a', 'b']);
  const two = added(one, []);
  expect(two).toEqual([['a', 'b'], []]);
  expect(added(two, ['c'])).toEqual([['a', 'b'], [], ['c']]);
  expect(one).toEqual([['a', 'b']]);
  expect(none).toEqual([]);
});
