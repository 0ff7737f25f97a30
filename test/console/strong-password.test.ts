import { expect, test } from 'vitest';
import { strongPassword } from '../../src/console/client/strong-password.ts';

test('a proposed password has four groups of five letters and digits that cannot be read for others, all of them as often', () => {
  const passwords = Array.from({ length: 2000 }, strongPassword);
  for (const password of passwords) expect(password).toMatch(/^(?:[a-kmnp-z2-9]{5}-){3}[a-kmnp-z2-9]{5}$/);
  expect(new Set(passwords).size).toBe(passwords.length);
  const counts = new Map<string, number>();
  for (const letter of passwords.join('').replaceAll('-', '')) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  expect(counts.size).toBe(32);
  // 1250 each: eight standard deviations either way.
  expect(Math.min(...counts.values())).toBeGreaterThan(970);
  expect(Math.max(...counts.values())).toBeLessThan(1530);
});
