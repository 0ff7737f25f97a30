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
  ['<sip:1415%35550250@x>', true],
  ['%2b1415%35550250', true],
  ['1415%41550250', false],
  ['<sip:1415%2D555%2D0250@x>', true],
  ['<sip:1%28415%29555.0250@x>', true],
  ['<sip:1415%205550250@x>', true],
  ['1415%2E5550250', true],
  ['<sip:1415%EF%BC%95550250@x>', true],
  ['Call 14155550250%31', true],
  ['%31%30%35', true],
  ['50%', false],
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

test.each([
  '\uff11\uff14\uff11\uff15\uff15\uff15\uff15\uff10\uff12\uff15\uff10',
  '141555502\u0665\u0660',
  'Call \u0967\u096a\u0967\u096b\u096b\u096b\u096b\u0966\u0968\u096b\u0966 now',
  'Call \u{1d7cf}4155550250 now',
  'Call 1415\u2011555\u20110250 now',
  'Call 1415\u2212555\u22120250 now',
  'Call \uff0b1\uff08415\uff095550250 now',
  'Call 1\u200b4\u200b1\u200b5\u200b5\u200b550250 now',
])('in the digits and marks of other scripts, "%s" holds it as well, as text and as octets', (text) => {
  for (const each of [text, Buffer.from(text).toString('latin1')]) {
    expect(holds('a', each)).toBe(true);
    expect(holds('b', each)).toBe(false);
  }
});

test('letters between digits part them', () => {
  for (const text of ['1415ò5550250', 'Call 1415555ò0250 now', '日本1415555日0250'])
    expect([holds('a', text), holds('a', Buffer.from(text).toString('latin1'))]).toEqual([false, false]);
});

test('the owner may use it', () => {
  expect(holds('b', '14155550250')).toBe(false);
  expect(holds('b', '14155550100')).toBe(true);
});
