import { isDeepStrictEqual } from 'node:util';
import { credentialProblemsOf } from '../settings/credential-files.ts';
import type { TrunkSettings } from '../trunks/schema.ts';
import { invalid } from './problem.ts';

/**
 * The certificates and keys that a trunk newly names are opened by this node before the trunk is written, so that a wrong path is told
 * here and not by calls that fail. Who may not name files has been refused before: nobody learns from the answer which there are.
 */
export function requireUsableFiles(
  after: TrunkSettings,
  before: TrunkSettings | undefined,
  place: readonly (string | number)[] = [],
): void {
  if (after.tls === undefined || isDeepStrictEqual(after.tls, before?.tls)) return;
  const problems = credentialProblemsOf(after, place).map(({ code, path, message }) => ({ code, path, message }));
  if (problems.length > 0) throw invalid(problems);
}
