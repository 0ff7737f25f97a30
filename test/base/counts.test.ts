import { expect, test } from 'vitest';
import { Counts } from '../../src/base/counts.ts';

test('counts up and down by name, and never below none', () => {
  const counts = new Counts();
  expect(counts.get('a')).toBe(0);
  for (const by of [1, 1, -1]) counts.change('a', by);
  counts.change('b', -1);
  counts.change('b', 1);
  expect([counts.get('a'), counts.get('b'), counts.get('constructor')]).toEqual([1, 1, 0]);
});
