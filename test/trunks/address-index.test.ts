import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AddressIndex } from '../../src/trunks/address-index.ts';

describe('the longest prefix decides', () => {
  const index = new AddressIndex<string>();
  index.set('wide', ['203.0.113.0/24', '2001:db8::/32']);
  index.set('narrow', ['203.0.113.64/26']);
  index.set('host', ['203.0.113.70', '2001:db8::7']);
  index.set('everything', ['0.0.0.0/0']);

  test.each([
    ['203.0.113.70', ['host']],
    ['203.0.113.71', ['narrow']],
    ['203.0.113.9', ['wide']],
    ['198.51.100.1', ['everything']],
    ['::ffff:203.0.113.70', ['host']],
    ['[2001:db8::7]', ['host']],
    ['2001:db8:1::1', ['wide']],
    ['2001:db9::1', []],
    ['not an address', []],
  ])('%s → %j', (address, expected) => {
    expect(index.find(address)).toEqual(expected);
  });

  test('an entry that is not accepted gives way to a shorter prefix', () => {
    expect(index.find('203.0.113.70', (entry) => entry !== 'host')).toEqual(['narrow']);
  });
});

test('entries on one network are all found; a replaced entry is found only where it is now', () => {
  const index = new AddressIndex<string>();
  index.set('a', ['192.0.2.1']);
  index.set('b', ['192.0.2.1']);
  expect(index.find('192.0.2.1').sort()).toEqual(['a', 'b']);
  index.set('a', ['192.0.2.2']);
  expect(index.find('192.0.2.1')).toEqual(['b']);
  expect(index.find('192.0.2.2')).toEqual(['a']);
  index.delete('b');
  expect(index.find('192.0.2.1')).toEqual([]);
});

test('it finds what a linear scan finds', () => {
  const toNumber = (address: string) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })), { maxLength: 40 }),
      fc.ipV4(),
      (networks, address) => {
        const index = new AddressIndex<number>();
        for (const [entry, [network, length]] of networks.entries()) index.set(entry, [`${network}/${length}`]);
        const covers = ([network, length]: [string, number]) =>
          Math.floor(toNumber(network) / 2 ** (32 - length)) === Math.floor(toNumber(address) / 2 ** (32 - length));
        const covering = networks.filter(covers);
        const longest = Math.max(...covering.map(([, length]) => length));
        const expected = networks.flatMap((network, entry) =>
          covers(network) && network[1] === longest ? [entry] : [],
        );
        expect(index.find(address).sort()).toEqual(expected.sort());
      },
    ),
  );
});
