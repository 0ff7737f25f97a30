import { expect, test } from 'vitest';
import { combined, fnv1a, fnv1aOctets } from '../../src/base/fnv.ts';

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

test('of octets, as of their latin1 text', () => {
  const octets = Buffer.from([0x3c, 0xff, 0, 0x66, 0x3e]);
  expect(fnv1aOctets(octets)).toBe(fnv1a(octets.toString('latin1')));
  expect(fnv1aOctets(octets, 1, 4)).toBe(fnv1a('\u00ff\0f'));
});

test('two hashes of texts that are alike in the same way make as many different ones as by chance', () => {
  const seen = new Set<number>();
  for (let number = 0; number < 100_000; number++)
    seen.add(combined(fnv1a(`${number}@192.0.2.1`), fnv1a(`<sip:101@example.com>;tag=a${number}@192.0.2.1`)));
  expect(seen.size).toBeGreaterThan(100_000 - 10);
});
