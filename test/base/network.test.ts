import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareNetworks, covers, formatNetwork, parseAddress, parseNetwork } from '../../src/base/network.ts';

const network = (text: string) => {
  const parsed = parseNetwork(text);
  if (parsed === undefined) throw new Error(`no network: ${text}`);
  return parsed;
};

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['203.0.113.7/24', '203.0.113.0/24'],
  ['203.0.113.7/32', '203.0.113.7'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['[2001:DB8:0::1]', '2001:db8::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:db8:ffff::/33', '2001:db8:8000::/33'],
  ['::/0', '::/0'],
  ['::1', '::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201/120', '192.0.2.0/24'],
])('%s is written %s (RFC 5952)', (text, canonical) => {
  expect(formatNetwork(network(text))).toBe(canonical);
});

test.each(['', 'x', '1.2.3', '1.2.3.04', '203.0.113.0/33', '2001:db8::/129', '::ffff:1.2.3.4/95'])(
  '%s is no network',
  (text) => {
    expect(parseNetwork(text)).toBeUndefined();
  },
);

test('every IPv6 address has one canonical form, which reads back as itself', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const words = parseAddress(text);
      const canonical = formatNetwork(network(text));
      expect(parseAddress(canonical)).toEqual(words);
      expect(formatNetwork(network(canonical))).toBe(canonical);
      expect(words?.length === 1 || isIPv6(canonical)).toBe(true);
    }),
  );
});

test('sorted, what a network holds comes after it, with nothing outside of it between', () => {
  const any = fc
    .tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }))
    .map(([address, length]) => network(`${address}/${length}`));
  fc.assert(
    fc.property(fc.array(any, { maxLength: 30 }), (networks) => {
      const sorted = networks.toSorted(compareNetworks);
      for (const [at, outer] of sorted.entries()) {
        const inside = sorted.slice(at + 1).map((inner) => covers(outer, inner));
        expect(inside.lastIndexOf(true)).toBe(inside.filter(Boolean).length - 1);
      }
    }),
  );
});
