import { expect, test } from 'vitest';
import { LatestPairs } from '../../src/base/latest-pairs.ts';

test('each pair has its own value, which may be set again', () => {
  const pairs = new LatestPairs<string, number, string>(4);
  pairs.set('a', 1, 'a1');
  pairs.set('a', 2, 'a2');
  pairs.set('b', 1, 'b1');
  pairs.set('a', 2, 'again');
  expect([pairs.get('a', 1), pairs.get('a', 2), pairs.get('b', 1), pairs.get('b', 2), pairs.get('c', 1)]).toEqual([
    'a1',
    'again',
    'b1',
    undefined,
    undefined,
  ]);
});

test('beyond so many all of the oldest first key are forgotten, and only they', () => {
  const pairs = new LatestPairs<string, number, string>(4);
  for (const [first, second] of [
    ['a', 1],
    ['b', 1],
    ['a', 2],
    ['c', 1],
    ['d', 1],
  ] as const)
    pairs.set(first, second, first + second);
  expect([pairs.get('a', 1), pairs.get('a', 2)]).toEqual([undefined, undefined]);
  expect([pairs.get('b', 1), pairs.get('c', 1), pairs.get('d', 1)]).toEqual(['b1', 'c1', 'd1']);
  // Two places were left.
  pairs.set('e', 1, 'e1');
  expect([pairs.get('b', 1), pairs.get('e', 1)]).toEqual(['b1', 'e1']);
  pairs.set('f', 1, 'f1');
  expect([pairs.get('b', 1), pairs.get('c', 1), pairs.get('f', 1)]).toEqual([undefined, 'c1', 'f1']);
});

test('a first key with more than may be kept begins anew', () => {
  const pairs = new LatestPairs<string, number, number>(3);
  for (let second = 0; second < 10; second++) {
    pairs.set('a', second, second);
    expect(pairs.get('a', second)).toBe(second);
  }
  expect([6, 7, 8, 9].map((second) => pairs.get('a', second))).toEqual([undefined, undefined, undefined, 9]);
});
