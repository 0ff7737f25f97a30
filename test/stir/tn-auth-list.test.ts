import { expect, test } from 'vitest';
import { listsNumber, parseTnAuthList } from '../../src/stir/tn-auth-list.ts';
import { tnAuthListDer } from '../kit/stir/authority.ts';

test('RFC 8226 §9: codes, numbers and ranges are read', () => {
  const list = parseTnAuthList(
    tnAuthListDer([{ spc: '1234' }, { start: '14155550100', count: 100 }, { one: '14155559999' }, { one: '911' }]),
  );
  expect(list).toEqual({
    spcs: ['1234'],
    ranges: [
      { first: '14155550100', last: '14155550199' },
      { first: '14155559999', last: '14155559999' },
      { first: '911', last: '911' },
    ],
  });
  for (const number of ['14155550100', '14155550199', '14155559999', '911'])
    expect(listsNumber(list, number)).toBe(true);
  for (const number of [
    '14155550200',
    '14155550099',
    '1415555010',
    '141555501000',
    '91',
    '4155550100',
    '1234',
    '1415555010*',
  ])
    expect(listsNumber(list, number)).toBe(false);
});

test('RFC 8226 §9: the octets of its example of one number with a code', () => {
  // SEQUENCE { [0] { IA5String "1234" } }, as SHAKEN certificates have it.
  expect(parseTnAuthList(Buffer.from('3008a006160431323334', 'hex'))).toEqual({ spcs: ['1234'], ranges: [] });
});

test.each([
  ['', 'not a TNAuthorizationList'],
  ['3000', 'has no entries'],
  ['0500', 'not a TNAuthorizationList'],
  ['3008a00616043132333400', 'not a TNAuthorizationList'],
  ['3008a306160431323334', 'has an entry of the unknown kind [3]'],
  ['3006160431323334', 'has an entry of an unknown form'],
  ['3008a0060c0431323334', 'has an entry that is neither a code nor a number'],
  ['3008a206160431324141', 'has an entry that is neither a code nor a number'],
  ['300da10b3009160431323334020101', 'has a range of 1 numbers from 1234'],
  ['300da10b30091604393939390201ff', 'has a range of -1 numbers from 9999'],
  ['300da10b3009160439393939020102', 'has a range of 2 numbers from 9999'],
])('what is no list is refused with a reason: %s', (hex, message) => {
  expect(() => parseTnAuthList(Buffer.from(hex, 'hex'))).toThrow(message);
});
