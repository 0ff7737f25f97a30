import { expect, test } from 'vitest';
import { RingParts } from '../../src/base/ring-parts.ts';

test('an owner has an eighth of a ring, and more when some of its have gone', () => {
  const parts = new RingParts(40, 1e6);
  const taken = (owner: string) => Array.from({ length: 40 }, () => parts.takes(owner)).filter(Boolean).length;
  expect([taken('a'), taken('b')]).toEqual([5, 5]);
  parts.left('a', 0);
  expect([taken('a'), taken('b')]).toEqual([1, 0]);
});

test('an owner with long texts has a sixteenth of its octets', () => {
  const parts = new RingParts(800, 1600);
  for (let index = 0; index < 5; index++) {
    expect(parts.takes('a')).toBe(true);
    parts.first.onKept?.('a', 20);
  }
  expect([parts.takes('a'), parts.takes('b')]).toEqual([false, true]);
  parts.first.onGone('a', 20, 0);
  expect([parts.takes('a'), parts.takes('a')]).toEqual([true, true]);
});

test('who has left with its last is forgotten', () => {
  const parts = new RingParts(4, 1e6);
  expect([parts.takes('a'), parts.takes('a')]).toEqual([true, false]);
  parts.left('a', 0);
  expect(parts.takes('a')).toBe(true);
});

test('the latest that is lost is known of each owner, and of very many the latest of all is told', () => {
  const parts = new RingParts(4, 1e6);
  expect([parts.lostOf(), parts.lostOf('a')]).toEqual([-1, -1]);
  for (const [owner, number] of [
    ['a', 3],
    ['b', 5],
    ['a', 2],
  ] as const)
    parts.further.onGone(owner, 0, number);
  expect([parts.lostOf('a'), parts.lostOf('b'), parts.lostOf('c'), parts.lostOf()]).toEqual([3, 5, -1, 5]);
  for (let number = 6; number < 10_100; number++) parts.further.onGone(`${number}`, 0, number);
  expect(parts.lostOf('10099')).toBe(10_099);
  expect(parts.lostOf('a')).toBeGreaterThan(5);
});
