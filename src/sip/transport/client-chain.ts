/** Client certificates that are meant for servers alone: the runtime refuses them whatever else they are, so their chain is followed here. */

import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { isIssuedBy } from '../../base/certificate-chain.ts';

const MAX_CHAIN = 10;
/** RFC 5280 §4.2.1.12. */
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1';

/** Whether a certificate for servers leads, by what its peer has sent with it, to one of the anchors, each one valid now. */
export function isCertifiedServer(
  leaf: X509Certificate | undefined,
  anchors: readonly string[] = rootCertificates,
  nowMs = Date.now(),
): boolean {
  // What Node calls keyUsage is the extended one.
  const usages: readonly string[] | undefined = leaf?.keyUsage;
  if (leaf === undefined || usages?.includes(SERVER_AUTHENTICATION) !== true) return false;
  const trusted = anchors.flatMap(certificatesIn);
  let at = leaf;
  for (let depth = 0; depth < MAX_CHAIN && isValid(at, nowMs); depth++) {
    if (depth > 0 && !at.ca) return false;
    if (trusted.some((anchor) => anchor.ca && isValid(anchor, nowMs) && isIssuedBy(at, anchor))) return true;
    const above = at.issuerCertificate;
    if (above === undefined || above.fingerprint256 === at.fingerprint256 || !isIssuedBy(at, above)) return false;
    at = above;
  }
  return false;
}

function isValid({ validFromDate, validToDate }: X509Certificate, nowMs: number): boolean {
  return validFromDate.getTime() <= nowMs && nowMs < validToDate.getTime();
}

function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}
