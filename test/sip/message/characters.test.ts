import { describe, expect, test } from 'vitest';
import { splitAddresses, splitList } from '../../../src/sip/message/characters.ts';
import { leastCpuMs } from '../../kit/thread-cpu.ts';

const OCTETS = 65_536;
/** The bar is 5 ms on a machine of its own; what is not linear takes seconds. */
const MOST_MS = 100;

describe('lists of addresses and values are read in time that grows with their length', () => {
  test.each([
    ['names without an address, and a "<" in quotes at the end', 'a,', '"<"'],
    ['names with white space and a colon', 'a:b c,', '"<"'],
    ['addresses that are not closed', 'a<,', ''],
    ['quotes that are not closed', '",a', ''],
    ['empty elements', ',', ''],
    ['empty addresses', '<>,a,', '"<'],
  ])('%s', (_what, piece, end) => {
    const text = piece.repeat(OCTETS / piece.length) + end;
    expect(leastCpuMs(MOST_MS, () => splitAddresses(text))).toBeLessThan(MOST_MS);
    expect(leastCpuMs(MOST_MS, () => splitList(text))).toBeLessThan(MOST_MS);
  });
});

test('a comma in a name whose quotes were left out separates nothing, wherever it stands in the list', () => {
  expect(splitAddresses('sip:a@b, ACME, Inc. <sip:c@d>;q=1, "x,y<" <sip:e@f>, G, H, I <sip:g@h>, sip:i@j')).toEqual([
    'sip:a@b',
    'ACME, Inc. <sip:c@d>;q=1',
    '"x,y<" <sip:e@f>',
    'G, H, I <sip:g@h>',
    'sip:i@j',
  ]);
});
