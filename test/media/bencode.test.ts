import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bdecode, bencode } from '../../src/media/bencode.ts';

test('strings by their octets, integers, lists, and dictionaries with their keys in order', () => {
  expect(bencode({ sdp: 'v=0\r\n', command: 'offer', flags: ['a', 12], none: undefined })).toBe(
    'd7:command5:offer5:flagsl1:ai12ee3:sdp5:v=0\r\ne',
  );
});

test('what is written is read again', () => {
  const octets = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
  const values = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, octets, fc.integer(), tie('list'), tie('fields')),
    list: fc.array(tie('value'), { maxLength: 4 }),
    fields: fc.dictionary(octets, tie('value'), { maxKeys: 4, noNullPrototype: false }),
  })).value;
  fc.assert(
    fc.property(values, (value) => {
      expect(bdecode(bencode(value as string))).toEqual(value);
    }),
  );
});

test.each([
  '',
  'd',
  'i12',
  '5:abc',
  'd1:a',
  'i1ei2e',
  'x',
  'i1.5e',
  `${'l'.repeat(100)}${'e'.repeat(100)}`,
  'di1ei2ee',
])('%j is no value', (text) => {
  expect(bdecode(text)).toBeUndefined();
});
