/**
 * `verstat`: what a network found out about a caller's number, in the number itself (3GPP TS 24.229 §7.2A.20), and the fields that go with it.
 * Written one way; read in all the ways in which carriers write it.
 */
import type { Attestation } from './passport.ts';

export const VERSTAT = {
  passed: 'TN-Validation-Passed',
  failed: 'TN-Validation-Failed',
  none: 'No-TN-Validation',
} as const;

/** The field that says how well the signer knew its caller. */
export const ATTESTATION_FIELD = 'P-Attestation-Indicator';

/** Names of the same field, by carrier. */
export const ATTESTATION_FIELDS: readonly string[] = [ATTESTATION_FIELD, 'Attestation-Info', 'X-Attestation-Info'];

export interface Verstat {
  readonly result: keyof typeof VERSTAT;
  /** Where the value itself says so (`TN-Validation-Passed-A`). */
  readonly attestation: Attestation | undefined;
}

const VALUE = /^(?:(TN-Validation-Passed)|(TN-Validation-Failed)|No-TN-Validation)(?:-([ABC]))?$/i;

/** Reads a value; undefined when it is none. */
export function parseVerstat(value: string): Verstat | undefined {
  const match = VALUE.exec(value.trim());
  if (match === null) return undefined;
  const [, passed, failed, attestation] = match;
  const result = passed !== undefined ? 'passed' : failed !== undefined ? 'failed' : 'none';
  return { result, attestation: attestation?.toUpperCase() as Attestation | undefined };
}

/** Reads an attestation field: `A`, `B` or `C`. */
export function parseAttestation(value: string | undefined): Attestation | undefined {
  const letter = value
    ?.trim()
    .replace(/^"(.*)"$/, '$1')
    .toUpperCase();
  return letter === 'A' || letter === 'B' || letter === 'C' ? letter : undefined;
}
