import { expect, test } from 'vitest';
import { randomBranch, randomToken } from '../../src/base/ids.ts';

test('tokens carry 96 random bits and do not repeat across refills of the pool', () => {
  const seen = new Set<string>();
  for (let count = 0; count < 5000; count++) seen.add(randomToken());
  expect(seen.size).toBe(5000);
  for (const token of seen) expect(token).toMatch(/^[0-9a-f]{24}$/);
});

test('RFC 3261 §8.1.1.7: a branch starts with the magic cookie', () => {
  expect(randomBranch()).toMatch(/^z9hG4bK[0-9a-f]{24}$/);
});
