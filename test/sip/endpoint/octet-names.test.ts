import { expect, test } from 'vitest';
import { fieldOf, hashOf, isNamed, NamedField, startsWith, word } from '../../../src/sip/endpoint/octet-names.ts';

test.each([
  ['Via', NamedField.Via],
  ['v', NamedField.Via],
  ['FROM', NamedField.From],
  ['t', NamedField.To],
  ['Call-Id', NamedField.CallId],
  ['i', NamedField.CallId],
  ['cseq', NamedField.CSeq],
  ['Max-Forwards', NamedField.MaxForwards],
  ['M', NamedField.Contact],
  ['Content-Length', NamedField.Length],
  ['Record-Route', NamedField.RecordRoute],
  ['Content-Type', NamedField.Other],
  ['Viá', NamedField.Other],
  ['s', NamedField.Other],
])('the field %s', (name, field) => {
  expect(fieldOf(word(`x${name}:`), 1, 1 + name.length)).toBe(field);
});

test('names are the same in letters of either case, and the hash of none is the number of a field', () => {
  expect(isNamed(word('.BrAnch='), 1, 7, word('branch'))).toBe(true);
  expect(isNamed(word('.branch'), 1, 6, word('branch'))).toBe(false);
  expect(hashOf(word('Expires'), 0, 7)).toBe(hashOf(word('eXPIRES'), 0, 7));
  for (let code = 0; code < 256; code++)
    expect(Object.values<number>(NamedField)).not.toContain(hashOf(Buffer.from([code]), 0, 1));
});

test('octets at a place, also where there are no more', () => {
  expect(startsWith(word('abc'), 1, word('bc'))).toBe(true);
  expect(startsWith(word('abc'), 1, word('bcd'))).toBe(false);
});
