import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NonceCounts } from '../../../src/sip/auth/nonce-counts.ts';
import { uniqueStringsAfter } from '../../kit/unique-strings.ts';

const LIFETIME_MS = 1000;

function nonceIssuedAt(timeMs: number, salt = 0): string {
  return timeMs.toString(36).padStart(8, '0') + salt.toString(36).padStart(19, '0');
}

test('RFC 7616 §5.5: a count is taken once, and lower ones never after it', () => {
  const counts = new NonceCounts(LIFETIME_MS, 100, 0);
  const nonce = nonceIssuedAt(5);
  expect([1, 1, 3, 2, 3, 4].map((count) => counts.take(nonce, count, 10))).toEqual([
    true,
    false,
    true,
    false,
    false,
    true,
  ]);
});

test('the table is bounded, and forgetting a nonce does not open it again', () => {
  const counts = new NonceCounts(LIFETIME_MS, 10, 0);
  for (let index = 1; index <= 1000; index++) expect(counts.take(nonceIssuedAt(index), 1, 0)).toBe(true);
  expect(counts.size).toBeLessThanOrEqual(10);
  for (let index = 1; index <= 1000; index++) expect(counts.take(nonceIssuedAt(index), 1, 0)).toBe(false);
});

test('no nonce and count pair is ever taken twice, whatever is asked in whatever order and time', () => {
  const step = fc.record({
    issuedMs: fc.nat(50),
    salt: fc.nat(2),
    count: fc.integer({ min: 1, max: 4 }),
    waitMs: fc.nat(700),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), (steps, size) => {
      const counts = new NonceCounts(LIFETIME_MS, size, 0);
      const highest = new Map<string, number>();
      let nowMs = 0;
      for (const { issuedMs, salt, count, waitMs } of steps) {
        nowMs += waitMs;
        const nonce = nonceIssuedAt(issuedMs + 1, salt);
        if (!counts.take(nonce, count, nowMs)) continue;
        expect(count).toBeGreaterThan(highest.get(nonce) ?? 0);
        highest.set(nonce, count);
      }
    }),
    { numRuns: 500 },
  );
});

test('no nonce becomes one of the unique strings that V8 goes through at the end of each collection', () => {
  const script = `
    const { NonceCounts } = await import('../../src/sip/auth/nonce-counts.ts');
    const counts = new NonceCounts(1000, 1000, 0);
    const nonceOf = (at) => ['nonce', 'number', at].join('-');
    for (let at = 0; at < 800; at++)
      if (!counts.take(nonceOf(at), 1, at) || counts.take(nonceOf(at), 1, at)) throw new Error(nonceOf(at));
    if (counts.size !== 800) throw new Error(String(counts.size));
    globalThis.kept = counts;
  `;
  expect(uniqueStringsAfter(script, 'nonce-number-')).toEqual([]);
});
