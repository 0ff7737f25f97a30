import { expect, test } from 'vitest';
import { RingParts } from '../../src/base/ring-parts.ts';

test('an owner has an eighth of a ring, and more when some of its have gone', () => {
  const parts = new RingParts(40);
  const taken = (owner: string) => Array.from({ length: 40 }, () => parts.takes(owner)).filter(Boolean).length;
  expect([taken('a'), taken('b')]).toEqual([5, 5]);
  expect([parts.left('a'), taken('a'), taken('b')]).toEqual([true, 1, 0]);
});

test('who has left with its last is forgotten', () => {
  const parts = new RingParts(4);
  expect([parts.takes('a'), parts.takes('a'), parts.left('a'), parts.left('a'), parts.takes('a')]).toEqual([
    true,
    false,
    false,
    false,
    true,
  ]);
});
