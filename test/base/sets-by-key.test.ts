import { expect, test } from 'vitest';
import { SetsByKey } from '../../src/base/sets-by-key.ts';

test('each key has those that were added to it and not removed; one that has none is gone', () => {
  const sets = new SetsByKey<string, number>();
  expect([sets.addTo('a', 1), sets.addTo('a', 2), sets.addTo('b', 1)]).toEqual([true, false, true]);
  sets.removeFrom('a', 1);
  sets.removeFrom('b', 1);
  sets.removeFrom('c', 1);
  expect([...sets]).toEqual([['a', new Set([2])]]);
  expect(sets.addTo('b', 3)).toBe(true);
});
