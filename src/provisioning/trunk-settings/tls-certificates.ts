/** Certificates that TLS is spoken with, as client and as server; read once per written object. Their private keys stay in here and in the transports. */
import type { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { readChain, readPrivateKey, requirePair } from '../../base/certificate-chain.ts';
import { derived } from '../../base/derived.ts';
import type { CertificateSettings } from './certificate-schema.ts';

export interface TlsCertificate {
  readonly name: string;
  /** `system` or a tenant's name. */
  readonly owner: string;
  readonly leaf: X509Certificate;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** PEM of the chain, and of its key. */
  readonly cert: string;
  readonly key: string;
}

const PRIVATE_KEY = /-----BEGIN (?:EC |RSA )?PRIVATE KEY-----/;
/** RFC 5280 §4.2.1.12. */
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1';

/** The certificate as it takes effect. The written one has passed {@link checkTlsCertificate}. */
export const tlsCertificate = derived((settings: CertificateSettings): TlsCertificate => {
  const { name, owner, chain, key = '' } = settings;
  const [leaf] = readChain(chain);
  const [notBeforeMs, notAfterMs] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
  return { name, owner, leaf, notBeforeMs, notAfterMs, cert: chain, key };
});

/** What is wrong with a certificate for TLS as written. Whether it has ended is asked where it is uploaded or named. */
export function checkTlsCertificate(
  settings: CertificateSettings,
  report: (code: string, path: string, message: string) => void,
): void {
  for (const field of ['x5u', 'numbers'] as const)
    if (settings[field] !== undefined) report('option-not-for-type', field, 'is for certificates that sign calls');
  let path = 'chain';
  try {
    const [leaf] = readChain(settings.chain);
    if (!speaksForServers(leaf))
      report('certificate-chain', 'chain', 'is not meant for TLS servers (extendedKeyUsage without serverAuth)');
    path = 'key';
    if (settings.key === undefined) throw new Error('is missing: TLS is spoken with its private key');
    requirePair(readPrivateKey(settings.key, PRIVATE_KEY), leaf);
    createSecureContext({ cert: settings.chain, key: settings.key });
  } catch (error) {
    report(`certificate-${path}`, path, (error as Error).message);
  }
}

/** Whether its extended key usage has server authentication, or says nothing. */
function speaksForServers(leaf: X509Certificate): boolean {
  // What Node's documentation calls keyUsage is the extended one.
  const usages: readonly string[] | undefined = leaf.keyUsage;
  return usages === undefined || usages.length === 0 || usages.includes(SERVER_AUTHENTICATION);
}

/**
 * Whether a certificate speaks for a host name: by its subjectAltName or its CN, a wildcard for one whole label.
 */
export function namesHost(leaf: X509Certificate, host: string): boolean {
  const options = { subject: 'always', wildcards: true, partialWildcards: false, multiLabelWildcards: false } as const;
  return leaf.checkHost(host, options) !== undefined;
}

/** The names that it has, for people. */
export function namesIn(leaf: X509Certificate): string[] {
  const alternative = (leaf.subjectAltName ?? '').split(', ').filter((entry) => entry.startsWith('DNS:'));
  // One whose names are all in the extension has an empty subject (RFC 5280 §4.1.2.6), for which Node has no text.
  const subject: string | undefined = leaf.subject;
  const common = (subject ?? '').split('\n').filter((entry) => entry.startsWith('CN='));
  return [...new Set([...alternative.map((entry) => entry.slice(4)), ...common.map((entry) => entry.slice(3))])];
}
