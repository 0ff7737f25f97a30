import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DidPool, DidPoolError } from '../../../src/provisioning/tenants/did-pool.ts';

describe('reading a pool (guide, "DID Pool Entry Rules")', () => {
  test.each([
    ['1000-2000', '1000-2000'],
    ['282556000-282556900', '282556000-282556900'],
    ['101; 203; 300-450', '101; 203; 300-450'],
    ['300-450;101;203;', '101; 203; 300-450'],
    ['7', '7'],
    ['5-5', '5'],
    ['1 - 3', '1-3'],
    ['1000–2000', '1000-2000'],
    ['101; 203; 300 – 450', '101; 203; 300-450'],
    ['1‐3; 5—7; 8−9', '1-3; 5-7; 8-9'],
    ['', ''],
  ])('%j reads as %j', (text, canonical) => {
    const pool = DidPool.parse(text);
    expect(pool.toString()).toBe(canonical);
    expect(DidPool.parse(canonical).toString()).toBe(canonical);
  });

  test.each([
    ['+14155550100', '+14155550100', /must not begin with "\+"/],
    ['101; 0203', '0203', /must not begin with "0"/],
    ['0014155550100', '0014155550100', /must not begin with "00"/],
    ['100-0200', '100-0200', /must not begin with "0"/],
    ['2000-1000', '2000-1000', /reversed/],
    ['101;;102', '', /empty entry/],
    [';', '', /empty entry/],
    ['1000-2000; 1500', '1500', /overlaps "1000-2000"/],
    ['1500; 1000-2000', '1500', /overlaps "1000-2000"/],
    ['101;101', '101', /overlaps "101"/],
    ['1234567890123456', '1234567890123456', /1 to 15 digits/],
    ['abc', 'abc', /number/],
    ['1,2', '1,2', /number/],
    ['١٢٣', '١٢٣', /number/],
    ['1-2-3', '1-2-3', /number/],
    ['1–2–3', '1–2–3', /number/],
    ['–5', '–5', /number/],
  ])('%j is refused and names %j', (text, entry, message) => {
    try {
      DidPool.parse(text);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(DidPoolError);
      expect((error as DidPoolError).entry).toBe(entry);
      expect((error as DidPoolError).message).toMatch(message);
    }
  });
});

/** Disjoint ranges over a small space, so that random numbers hit their edges. */
const ranges = fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { minLength: 2, maxLength: 30 }).map((points) => {
  const sorted = points.sort((a, b) => a - b);
  const pairs: [number, number][] = [];
  for (let index = 0; index + 1 < sorted.length; index += 2) pairs.push([sorted[index] ?? 0, sorted[index + 1] ?? 0]);
  return pairs;
});

function poolOf(pairs: [number, number][]): DidPool {
  return DidPool.parse(pairs.map(([first, last]) => `${first}-${last}`).join(';'));
}

function members(pairs: [number, number][]): Set<number> {
  const set = new Set<number>();
  for (const [first, last] of pairs) for (let number = first; number <= last; number += 1) set.add(number);
  return set;
}

describe('a pool against a naive model', () => {
  test('contains and count agree with the set of all numbers, in whatever order the entries stand', () => {
    fc.assert(
      fc.property(ranges, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (pairs, random) => {
        const shuffled = pairs
          .map((pair) => ({ pair, key: random.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ pair }) => pair);
        const pool = poolOf(shuffled);
        const model = members(pairs);
        expect(pool.count).toBe(model.size);
        for (let number = 0; number <= 201; number += 1) expect(pool.contains(number)).toBe(model.has(number));
        expect(pool.contains(undefined)).toBe(false);
      }),
    );
  });

  test('containsRange agrees with the set of all numbers; adjacent entries join', () => {
    fc.assert(
      fc.property(ranges, fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 50 }), (pairs, first, length) => {
        const model = members(pairs);
        const wanted = Array.from({ length: length + 1 }, (_, index) => first + index);
        expect(poolOf(pairs).containsRange({ first, last: first + length })).toBe(
          wanted.every((number) => model.has(number)),
        );
      }),
    );
    expect(DidPool.parse('1-5;6-9').containsRange({ first: 3, last: 8 })).toBe(true);
  });

  test('entries in any order are refused exactly when two share a number, and both are named', () => {
    const entry = fc.record({ first: fc.integer({ min: 1, max: 60 }), more: fc.integer({ min: 0, max: 4 }) });
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 12 }), (entries) => {
        const ranges = entries.map(({ first, more }) => ({ first, last: first + more }));
        const text = ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(';');
        const shares = (number: number) => ranges.filter(({ first, last }) => first <= number && number <= last).length;
        const isShared = Array.from({ length: 70 }, (_each, number) => shares(number)).some((count) => count > 1);
        let refusal = '';
        try {
          DidPool.parse(text);
        } catch (error) {
          refusal = (error as Error).message;
        }
        expect(refusal !== '').toBe(isShared);
        if (!isShared) return;
        const named = [...refusal.matchAll(/"(\d+)(?:-(\d+))?"/g)].map(([, first, last = first]) => ({
          first: Number(first),
          last: Number(last),
        }));
        const [here, before] = named as [{ first: number; last: number }, { first: number; last: number }];
        expect(named.length).toBe(2);
        expect(here.first <= before.last && before.first <= here.last).toBe(true);
        for (const range of named) expect(ranges).toContainEqual(range);
      }),
    );
  });

  test('a text of random octets is read or refused with DidPoolError, nothing else', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('0', '1', '9', '-', ';', ' ', '+', 'a', '\r', '\n', '\u0000', '٣') }),
        (text) => {
          try {
            const pool = DidPool.parse(text);
            expect(DidPool.parse(pool.toString()).toString()).toBe(pool.toString());
          } catch (error) {
            expect(error).toBeInstanceOf(DidPoolError);
          }
        },
      ),
    );
  });
});
