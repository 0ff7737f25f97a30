import type { Directory } from '../provisioning/directory/directory.ts';
import type { KeyPair } from '../sip/transport/index.ts';

/** What Teams trunks are called by is what TLS listeners answer to: the pair for each such name. */
export function servedNames(directory: Directory): ReadonlyMap<string, KeyPair> {
  const pairs = new Map<string, KeyPair>();
  for (const trunk of directory.trunks.filter(({ teams }) => teams !== undefined)) {
    const certificate = trunk.teams === undefined ? undefined : directory.tlsCertificateOf(trunk);
    if (trunk.enabled && trunk.teams !== undefined && certificate !== undefined)
      pairs.set(trunk.teams.fqdn, { cert: certificate.cert, key: certificate.key });
  }
  return pairs;
}
