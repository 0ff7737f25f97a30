import fc from 'fast-check';
import { expect, test } from 'vitest';
import { covers, type Network, parseNetwork } from '../../src/base/network.ts';
import { NetworkSet } from '../../src/base/network-set.ts';
import { allAtOnce } from '../../src/base/steps.ts';

function network(text: string): Network {
  const parsed = parseNetwork(text);
  if (parsed === undefined) expect.unreachable(text);
  return parsed;
}

const setOf = (...texts: string[]) => allAtOnce(NetworkSet.of(texts.map((text) => ({ text, network: network(text) }))));

test.each([
  ['the same address', ['192.0.2.1'], '192.0.2.1', '192.0.2.1'],
  ['a network that holds it', ['192.0.2.0/24', '198.51.100.7'], '192.0.2.200', '192.0.2.0/24'],
  ['one that holds it beyond others that do not', ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.3'], '10.1.9.9', '10.1.0.0/16'],
  ['an address that it holds', ['192.0.2.9', '203.0.113.1'], '192.0.2.0/28', '192.0.2.9'],
  ['an IPv6 network', ['192.0.2.9', '2001:db8::/32'], '2001:db8:7::1', '2001:db8::/32'],
])('it finds %s', (_what, members, asked, found) => {
  expect(setOf(...members).meeting(network(asked))?.text).toBe(found);
});

test('what has no address in common with any is met by none', () => {
  expect(setOf('192.0.2.0/28', '2001:db8::1').meeting(network('192.0.2.16/28'))).toBeUndefined();
  expect(setOf().meeting(network('0.0.0.0/0'))).toBeUndefined();
  expect(setOf().isEmpty).toBe(true);
});

test('it finds one exactly where one of all meets, however they lie within one another', () => {
  const any = fc.oneof(
    fc
      .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 20, max: 32 }))
      .map(([last, length]) => network(`192.0.2.${last}/${length}`)),
    fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([address, length]) => network(`${address}/${length}`)),
    fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })).map(([address, length]) => network(`${address}/${length}`)),
  );
  const meet = (a: Network, b: Network) => covers(a, b) || covers(b, a);
  fc.assert(
    fc.property(fc.array(any, { maxLength: 40 }), any, (members, asked) => {
      const found = allAtOnce(NetworkSet.of(members.map((one) => ({ network: one })))).meeting(asked);
      expect(found !== undefined).toBe(members.some((one) => meet(one, asked)));
      if (found !== undefined) expect(meet(found.network, asked)).toBe(true);
    }),
  );
});
