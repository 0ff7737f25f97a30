import { expect, test } from 'vitest';
import { parseAttestation, parseVerstat, VERSTAT } from '../../src/stir/verstat.ts';

test.each([
  ['TN-Validation-Passed', 'passed', undefined],
  ['tn-validation-passed', 'passed', undefined],
  ['TN-Validation-Passed-A', 'passed', 'A'],
  ['TN-Validation-Passed-c', 'passed', 'C'],
  ['TN-Validation-Failed', 'failed', undefined],
  ['TN-Validation-Failed-B', 'failed', 'B'],
  ['No-TN-Validation', 'none', undefined],
])('3GPP TS 24.229 §7.2A.20 and its variants: %s', (value, result, attestation) => {
  expect(parseVerstat(value)).toEqual({ result, attestation });
});

test.each(['', 'TN-Validation', 'TN-Validation-Passed-D', 'TN-Validation-Passed-AB', 'passed'])(
  'no verstat: %s',
  (value) => {
    expect(parseVerstat(value)).toBeUndefined();
  },
);

test('what is written is read back', () => {
  for (const [result, value] of Object.entries(VERSTAT)) expect(parseVerstat(value)?.result).toBe(result);
});

test('an attestation is one letter', () => {
  expect(['A', ' b ', '"C"', 'D', '', 'AA', undefined].map(parseAttestation)).toEqual([
    'A',
    'B',
    'C',
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
