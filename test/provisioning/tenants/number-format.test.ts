import { expect, test } from 'vitest';
import { inE164, numbersMeant } from '../../../src/provisioning/tenants/number-format.ts';

test.each([
  ['030 123456', 'national 49', [4930123456]],
  ['30123456', 'national 49', [4930123456, 30123456]],
  ['+4930123456', 'national 49', [4930123456]],
  ['004930123456', 'national 49', [4930123456]],
  ['00', 'national 49', []],
  ['06 1234567', 'national 39', [39061234567]],
  ['4155550100', 'national 1', [14155550100, 4155550100]],
  ['0114930123456', 'national 1', [4930123456]],
  ['030123456', 'e164', [30123456]],
  ['alice', 'national 49', []],
  ['1234567890123456', 'national 49', []],
] as const)('%s on a trunk %s may mean %j', (text, format, numbers) => {
  expect(numbersMeant(text, format)).toEqual(numbers);
});

test.each([
  ['030 123456', 'national 49', '+4930123456'],
  ['0033123456789', 'national 49', '+33123456789'],
  ['110', 'national 49', '110'],
  ['anonymous', 'national 49', 'anonymous'],
  ['030123456', 'e164', '030123456'],
] as const)('the caller %s on a trunk %s is %s', (text, format, shown) => expect(inE164(text, format)).toBe(shown));
