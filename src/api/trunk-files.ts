import { isDeepStrictEqual } from 'node:util';
import { certificateIn } from '../provisioning/directory/places.ts';
import { validityOf } from '../provisioning/trunk-settings/certificates.ts';
import type { Provisioned, TrunkSettings } from '../provisioning/trunk-settings/schema.ts';
import { credentialProblemsOf } from '../settings/credential-files.ts';
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

/** A teams trunk that newly names a certificate names one that is valid now: Teams refuses the handshake with any other. */
export function requireCurrentCertificate(
  { teams, owner }: TrunkSettings,
  before: TrunkSettings | undefined,
  { certificates }: Pick<Provisioned, 'certificates'>,
  wallMs: number,
  place = '',
): void {
  if (teams === undefined || isDeepStrictEqual(teams, before?.teams)) return;
  const certificate = certificateIn({ certificates }, teams.certificate);
  // Another tenant's is not there.
  if (certificate === undefined || ![owner, 'system'].includes(certificate.owner)) return;
  const validity = validityOf(certificate);
  if (validity === undefined || validity.notAfterMs > wallMs) return;
  const message = `${teams.certificate} ended at ${new Date(validity.notAfterMs).toISOString()}: upload one that is valid`;
  throw invalid([{ code: 'certificate-ended', path: `${place}teams.certificate`, message }]);
}
