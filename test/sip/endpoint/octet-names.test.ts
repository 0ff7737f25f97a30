import { expect, test } from 'vitest';
import { Field, fieldOf, hashOf, isNamed, startsWith, word } from '../../../src/sip/endpoint/octet-names.ts';

test.each([
  ['Via', Field.Via],
  ['v', Field.Via],
  ['FROM', Field.From],
  ['t', Field.To],
  ['Call-Id', Field.CallId],
  ['i', Field.CallId],
  ['cseq', Field.CSeq],
  ['Max-Forwards', Field.MaxForwards],
  ['M', Field.Contact],
  ['Content-Length', Field.Length],
  ['Record-Route', Field.RecordRoute],
  ['Content-Type', Field.Other],
  ['Viá', Field.Other],
  ['s', Field.Other],
])('the field %s', (name, field) => {
  expect(fieldOf(word(`x${name}:`), 1, 1 + name.length)).toBe(field);
});

test('names are the same in letters of either case, and the hash of none is the number of a field', () => {
  expect(isNamed(word('.BrAnch='), 1, 7, word('branch'))).toBe(true);
  expect(isNamed(word('.branch'), 1, 6, word('branch'))).toBe(false);
  expect(hashOf(word('Expires'), 0, 7)).toBe(hashOf(word('eXPIRES'), 0, 7));
  for (let code = 0; code < 256; code++)
    expect(Object.values<number>(Field)).not.toContain(hashOf(Buffer.from([code]), 0, 1));
});

test('octets at a place, also where there are no more', () => {
  expect(startsWith(word('abc'), 1, word('bc'))).toBe(true);
  expect(startsWith(word('abc'), 1, word('bcd'))).toBe(false);
});
