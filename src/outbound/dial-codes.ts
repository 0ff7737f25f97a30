import type { DialCodeName, DialCodes } from '../provisioning/tenants/tenant-settings.ts';

/** What a dial code asks for, and what is left to dial. */
export interface DialledCode {
  readonly name: DialCodeName;
  readonly code: string;
  /** The digits behind the code; for codes that only store a setting, the setting's value (`setCallerId`) or ''. */
  readonly rest: string;
}

/** Codes that say how this one call is presented; the others store a setting and end. */
export const PER_CALL_CODES: ReadonlySet<DialCodeName> = new Set<DialCodeName>([
  'blockCallerId',
  'deliverCallerId',
  'anonymous',
  'notAnonymous',
]);

const NAMES: readonly DialCodeName[] = [
  'blockCallerId',
  'deliverCallerId',
  'blockCallerIdAlways',
  'deliverCallerIdAlways',
  'anonymous',
  'notAnonymous',
  'anonymousAlways',
  'notAnonymousAlways',
  'refuseAnonymous',
  'acceptAnonymous',
  'setCallerId',
];

/**
 * Finds the code at the start of what was dialled. The longest one wins, so that `*310` can exist beside `*31`; a code that only
 * stores a setting must stand alone (`*31`), so that a number which happens to start with it can still be dialled.
 */
export function matchDialCode(dialled: string, codes: DialCodes): DialledCode | undefined {
  const first = dialled.charAt(0);
  if (!codes.enabled || (first !== '*' && first !== '#')) return undefined;
  let found: DialledCode | undefined;
  for (const name of NAMES) {
    const code = codes[name];
    if (code === null || !dialled.startsWith(code) || code.length <= (found?.code.length ?? 0)) continue;
    const rest = dialled.slice(code.length);
    const takesNumber = PER_CALL_CODES.has(name) || name === 'setCallerId';
    if (takesNumber || rest === '' || rest === '#') found = { name, code, rest: takesNumber ? rest : '' };
  }
  return found;
}
