import { describe, expect, test } from 'vitest';
import { countryCodeOf, processNumber } from '../../src/outbound/number-processing.ts';
import { type NumberProcessing, numberProcessingSchema } from '../../src/provisioning/tenants/tenant-settings.ts';

const settings = (changes: Partial<NumberProcessing>): NumberProcessing => ({
  ...numberProcessingSchema.parse({}),
  ...changes,
});
const UK = settings({ countryCode: '44', areaCode: '31', dropSameAreaCode: true, nationalCode: '11', prefix: '22' });

describe('behaviour 11: number processing', () => {
  test.each([
    ['worked: own country and area dropped', UK, '+4431867762', '2211867762', 'domestic'],
    ['worked: another country', settings({ internationalCode: '00' }), '+3312345678', '003312345678', 'international'],
    ['own country, other area', UK, '+4420867762', '221120867762', 'domestic'],
    ['own area is kept unless asked', { ...UK, dropSameAreaCode: false }, '+4431867762', '221131867762', 'domestic'],
    [
      'own country is kept unless asked',
      { ...UK, dropSameCountryCode: false, internationalCode: '00' },
      '+4431867762',
      '22004431867762',
      'domestic',
    ],
    ['prefix in front of foreign numbers too', UK, '+3312345678', '22003312345678', 'international'],
    ['processing of + off: untouched', { ...UK, processPlus: false }, '+4431867762', '+4431867762', 'domestic'],
    ['neither + nor the international code: domestic', UK, '867762', '867762', 'domestic'],
    ['the international code dialled', UK, '003312345678', '003312345678', 'international'],
    ['the international code and the own country', UK, '004431867762', '004431867762', 'domestic'],
    ['spaces and parentheses removed', UK, '+44 (31) 867762', '2211867762', 'domestic'],
    ['other separators stay unless named', UK, '86-77', '86-77', 'domestic'],
    ['without settings nothing changes', undefined, '+44 (31) 867762', '+44 (31) 867762', 'international'],
    ['without settings 00 is international', undefined, '0033123', '0033123', 'international'],
  ] as const)('%s', (_, given, dialled, number, kind) => {
    expect(processNumber(dialled, given)).toMatchObject({ number, kind });
  });

  test('the country of an international number', () => {
    expect(processNumber('+3312345678', UK).country).toBe('33');
    expect(processNumber('+4431867762', UK).country).toBe('44');
    expect(processNumber('867762', UK).country).toBe('44');
  });
});

test.each([
  ['14155550100', '1'],
  ['74951234567', '7'],
  ['4930', '49'],
  ['35312345', '353'],
  ['21612345', '216'],
  ['0123', undefined],
  ['99', undefined],
  ['', undefined],
])('ITU-T E.164: country code of %s is %s', (digits, code) => {
  expect(countryCodeOf(digits)).toBe(code);
});
