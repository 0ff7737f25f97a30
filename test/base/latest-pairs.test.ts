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

/** As its users do: what is not known is made and set. How many were known. */
function asked(pairs: LatestPairs<string, number, string>, firsts: readonly string[]): number {
  let known = 0;
  for (const first of firsts) {
    if (pairs.get(first, 1) === first) known++;
    else pairs.set(first, 1, first);
  }
  return known;
}

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

test('where one more than are kept is asked for in turn, all are known each time', () => {
  const pairs = new LatestPairs<string, number, string>(1_000);
  const inUse = names('trunk', 1_001);
  asked(pairs, inUse);
  for (let round = 0; round < 5; round++) expect(asked(pairs, inUse)).toBe(1_001);
});

test('where twice as many are asked for in turn, half of them are known', () => {
  const pairs = new LatestPairs<string, number, string>(1_000);
  const inUse = names('trunk', 2_000);
  asked(pairs, inUse);
  for (let round = 0; round < 5; round++) expect(asked(pairs, inUse)).toBe(1_000);
});

test('the one that came last is known at once, however many came before it', () => {
  const pairs = new LatestPairs<string, number, string>(10);
  for (const name of names('passing-', 100)) {
    pairs.set(name, 1, name);
    expect(pairs.get(name, 1)).toBe(name);
  }
});

test('no more are known than may be, and the one that came last', () => {
  const pairs = new LatestPairs<string, number, string>(10);
  const all = names('passing-', 100);
  for (let round = 0; round < 3; round++) for (const name of all) pairs.set(name, 1, name);
  expect(all.filter((name) => pairs.get(name, 1) !== undefined).length).toBeLessThanOrEqual(11);
});

test('what is in use stays known while ever new ones pass by once', () => {
  const pairs = new LatestPairs<string, number, string>(100);
  const inUse = names('trunk', 50);
  asked(pairs, inUse);
  for (let round = 0; round < 50; round++) {
    asked(pairs, names(`passing-${round}-`, 40));
    expect(asked(pairs, inUse)).toBe(50);
  }
});

test('those that nobody asks for any more have no place for good', () => {
  const pairs = new LatestPairs<string, number, string>(100);
  for (let round = 0; round < 3; round++) asked(pairs, names('former', 100));
  const inUse = names('trunk', 80);
  for (let round = 0; round < 4; round++) asked(pairs, inUse);
  expect(asked(pairs, inUse)).toBe(80);
});

test('so of many second keys of one first', () => {
  const pairs = new LatestPairs<string, number, number>(3);
  for (let second = 0; second < 100; second++) {
    pairs.set('a', second, second);
    if (pairs.get('a', 1_000) === undefined) pairs.set('a', 1_000, 1_000);
    if (second > 20) expect(pairs.get('a', 1_000)).toBe(1_000);
  }
  const known = Array.from({ length: 100 }, (_, second) => pairs.get('a', second)).filter((one) => one !== undefined);
  expect(known.length).toBeLessThanOrEqual(3);
});
