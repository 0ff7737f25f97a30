import { expect, test } from 'vitest';
import { holdsForeignNumber } from '../../src/outbound/foreign-number.ts';
import { directoryOf } from './world.ts';

const directory = directoryOf(
  [
    { name: 'a', domain: 'a.example' },
    { name: 'b', domain: 'b.example' },
  ],
  [
    {
      id: '1',
      name: 't',
      type: 'ip',
      host: 'h.example',
      tenants: [
        { tenant: 'a', didPool: '14155550100' },
        { tenant: 'b', didPool: '14155550200-14155550299; 105' },
      ],
    },
  ],
);
const holds = (tenant: string, text: string): boolean => {
  const [trunk] = directory.trunks;
  const owner = directory.tenantByName(tenant);
  if (trunk === undefined || owner === undefined) throw new TypeError('no world');
  return holdsForeignNumber(directory, owner, trunk, text);
};

test.each([
  ['14155550250', true],
  ['+1 (415) 555-0250', true],
  ['0014155550250', true],
  ['Call 14155550250 now', true],
  ['Call 1 415 555 0250 now', true],
  ['<sip:014155550250@x>', true],
  ['105', true],
  ['Room 105', false],
  ['14155550100', false],
  ['14155559999', false],
  ['214155550250', false],
  ['Alice', false],
  ['', false],
])('behaviour 7: for tenant a, "%s" holds a foreign number: %s', (text, expected) => {
  expect(holds('a', text)).toBe(expected);
});

test('the owner may use it', () => {
  expect(holds('b', '14155550250')).toBe(false);
  expect(holds('b', '14155550100')).toBe(true);
});
