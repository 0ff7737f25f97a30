import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normalizeNumber } from '../../src/tenants/number.ts';

describe('how numbers compare (behaviour 1)', () => {
  test.each([
    ['14155550100', 14155550100],
    ['+14155550100', 14155550100],
    ['0014155550100', 14155550100],
    ['+0014155550100', 14155550100],
    ['014155550100', 14155550100],
    ['+1 (415) 555-01.00', 14155550100],
    ['(0)4155550100', 4155550100],
    ['000', 0],
    ['999999999999999', 999999999999999],
    ['00999999999999999', 999999999999999],
  ])('%s compares as %d', (text, number) => {
    expect(normalizeNumber(text)).toBe(number);
  });

  test.each([
    '',
    '+',
    '0',
    '00',
    '+00',
    '1000000000000000',
    '1'.repeat(40),
    '12a',
    '++1',
    '1+2',
    '*67',
    '١٢٣',
    '1\n2',
    'anonymous',
    '-',
    '()',
  ])('%j is no number', (text) => {
    expect(normalizeNumber(text)).toBeUndefined();
  });

  test('each prefix and any punctuation leaves the number the same', () => {
    const separators = fc.constantFrom('', ' ', '.', '-', '(', ')');
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 999_999_999_999_999 }),
        fc.constantFrom('', '+', '0', '00', '+00'),
        fc.array(separators),
        (number, prefix, punctuation) => {
          const plain = prefix + String(number);
          let written = '';
          for (let index = 0; index < plain.length; index += 1) written += (punctuation[index] ?? '') + plain[index];
          expect(normalizeNumber(written)).toBe(number);
        },
      ),
    );
  });
});
