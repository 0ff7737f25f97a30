import { expect, test, vi } from 'vitest';
import { fnv1a } from '../../src/base/fnv.ts';
import { RecentHashes } from '../../src/base/recent-hashes.ts';

/** Octets of the tables that are made meanwhile. */
function octetsMade(work: () => void): number {
  const made = vi.spyOn(globalThis, 'Uint32Array');
  try {
    work();
    return made.mock.results.reduce((sum, { value }) => sum + (value as Uint32Array).byteLength, 0);
  } finally {
    made.mockRestore();
  }
}

const hashesOf = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => fnv1a(prefix + index));

test('what came lately is found, whatever else came, and few others seem to have come', () => {
  const recent = new RecentHashes(1_000, 0);
  // In each of both generations what 3,000 calls a second leave.
  const [elder, younger] = [hashesOf('a', 300_000), hashesOf('d', 300_000)];
  for (const hash of elder) recent.add(hash, 0);
  for (const hash of younger) recent.add(hash, 1_000);
  expect([...elder, ...younger].every((hash) => recent.mayHave(hash, 1_999))).toBe(true);
  expect(hashesOf('b', 10_000).filter((hash) => recent.mayHave(hash, 1_999)).length).toBeLessThan(500);
});

test('it is found for the time that it is kept, and after twice that no more', () => {
  const recent = new RecentHashes(1_000, 0);
  const [first, second, third] = hashesOf('c', 3) as [number, number, number];
  recent.add(first, 999);
  recent.add(second, 1_500);
  expect([recent.mayHave(first, 1_999), recent.mayHave(second, 2_499)]).toEqual([true, true]);
  recent.add(third, 2_499);
  expect([first, second, third].map((hash) => recent.mayHave(hash, 2_500))).toEqual([false, true, true]);
  expect([second, third].map((hash) => recent.mayHave(hash, 9_000))).toEqual([false, false]);
});

test('of a filter that nobody uses for long there is one generation, in pieces: thousands of short-lived layers make a few each', () => {
  const madeFor = (hashes: number) =>
    octetsMade(() => {
      const recent = new RecentHashes(1_000, 0);
      for (const hash of hashesOf('e', hashes)) recent.add(hash, 999);
    });
  expect([1, 10_000].map(madeFor)).toEqual([8_192, 524_288]);
});

test('nothing has come before anything has, however long that lasts; and what comes to one is not another one’s', () => {
  const [asked, told] = [new RecentHashes(1_000, 0), new RecentHashes(1_000, 0)];
  const [hash = 0] = hashesOf('d', 1);
  for (const nowMs of [0, 1_500, 9_000]) expect(asked.mayHave(hash, nowMs)).toBe(false);
  told.add(hash, 0);
  told.mayHave(hash, 9_000);
  told.add(hash, 9_000);
  expect([told.mayHave(hash, 9_000), asked.mayHave(hash, 9_000)]).toEqual([true, false]);
  expect(new RecentHashes(1_000, 0).mayHave(hash, 0)).toBe(false);
});

test('who only asks has no memory for it', () => {
  const made = octetsMade(() => {
    const recent = new RecentHashes(1_000, 0);
    for (const nowMs of [0, 1_500, 9_000]) expect(recent.mayHave(1, nowMs)).toBe(false);
  });
  expect(made).toBe(0);
});
