import { expect, test } from 'vitest';
import { fnv1a } from '../../src/base/fnv.ts';

test.each([
  ['', 0x811c9dc5],
  ['a', 0xe40c292c],
  ['foobar', 0xbf9cf968],
])('FNV-1a of %o', (text, hash) => {
  expect(fnv1a(text)).toBe(hash);
});

test('of a part of a text', () => {
  expect(fnv1a('<foobar>', 1, 7)).toBe(0xbf9cf968);
});
