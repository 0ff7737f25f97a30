import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, canonicalNumber, encodePart, isE164, type PassportClaims } from '../../src/stir/passport.ts';

test('RFC 8225 §9: members in lexicographic order in depth, no white space', () => {
  const header = { x5u: 'https://cert.example.org/passport.cer', typ: 'passport', alg: 'ES256' };
  expect(canonicalJson(header)).toBe('{"alg":"ES256","typ":"passport","x5u":"https://cert.example.org/passport.cer"}');
  const claims = { orig: { tn: '12155551212' }, iat: 1471375418, dest: { uri: ['sip:alice@example.com'] } };
  expect(canonicalJson(claims)).toBe(
    '{"dest":{"uri":["sip:alice@example.com"]},"iat":1471375418,"orig":{"tn":"12155551212"}}',
  );
  expect(canonicalJson({ rcd: { nam: 'Zoë "Z"', icn: undefined } })).toBe('{"rcd":{"nam":"Zoë \\"Z\\""}}');
});

test('RFC 8225 Appendix A: header and claims of its example, octet for octet', () => {
  const header = { alg: 'ES256', typ: 'passport', x5u: 'https://cert.example.org/passport.cer' } as const;
  const claims = {
    dest: { uri: ['sip:alice@example.com'] },
    iat: 1471375418,
    orig: { tn: '12155551212' },
  } satisfies PassportClaims;
  expect(encodePart(header)).toBe(
    'eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9',
  );
  expect(encodePart(claims)).toBe(
    'eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEyIn19',
  );
});

test('canonical JSON says what JSON says, whatever the order of members', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      // -0 is 0 in JSON.
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test.each([
  ['+14155550100', '14155550100', true],
  ['14155550100', '14155550100', true],
  ['+1 (415) 555-0100', '14155550100', true],
  ['0014155550100', '14155550100', true],
  ['+0014155550100', '14155550100', true],
  ['02079460000', '02079460000', false],
  ['101', '101', false],
  ['911', '911', false],
  ['*67#', '*67#', false],
  ['1234567890123456', '1234567890123456', false],
  ['alice', undefined, false],
  ['anonymous', undefined, false],
  ['', undefined, false],
  ['+', undefined, false],
  ['١٢٣٤٥٦٧', undefined, false],
  ['1415555\u00000100', undefined, false],
])('RFC 8224 §8.3: %j is %j', (text, number, worldwide) => {
  expect(canonicalNumber(text)).toBe(number);
  expect(number !== undefined && isE164(number)).toBe(worldwide);
});
