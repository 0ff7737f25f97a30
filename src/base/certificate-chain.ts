/** Certificate chains and private keys as people upload them: PEM, read with words about what is wrong. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

/** Leaf, intermediates and a root; no public authority has more than two intermediates. */
const MAX_CHAIN = 10;
const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g;

/**
 * A subject or issuer as Node has it, in one line. One that is empty, as where all names are in the extension (RFC 5280 §4.1.2.6), has no text in Node.
 */
export function nameInOneLine(name: string | undefined): string {
  return (name ?? '').replaceAll('\n', ', ');
}

/** A chain, leaf first, each issued by the next one. Throws an Error that says what is wrong. */
export function readChain(pem: string): readonly [X509Certificate, ...X509Certificate[]] {
  const blocks = pem.match(PEM_BLOCK) ?? [];
  if (blocks.length === 0) throw new Error('holds no PEM certificate (-----BEGIN CERTIFICATE-----)');
  if (blocks.length > MAX_CHAIN)
    throw new Error(`holds ${blocks.length} certificates: at most ${MAX_CHAIN} make a chain`);
  const certificates = blocks.map((block, index) => readCertificate(block, index));
  for (const [index, certificate] of certificates.entries()) requireIssued(certificate, certificates[index + 1], index);
  const [leaf, ...above] = certificates as [X509Certificate, ...X509Certificate[]];
  if (leaf.ca) throw new Error("begins with the certificate of an authority: put the end's own certificate first");
  return [leaf, ...above];
}

/**
 * The private key of a certificate: PEM of one of these kinds, not encrypted. Throws an Error that says what is wrong; it never shows
 * the key.
 */
export function readPrivateKey(pem: string, kind: RegExp): KeyObject {
  if (pem.includes('ENCRYPTED'))
    throw new Error('is encrypted: decrypt it first (openssl pkey -in key.pem -out plain.pem)');
  if (!kind.test(pem)) throw new Error('holds no PEM private key (-----BEGIN PRIVATE KEY-----)');
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Error('cannot be read: it is damaged');
  }
}

/** Throws where the key is another certificate's. */
export function requirePair(key: KeyObject, leaf: X509Certificate): void {
  if (!leaf.checkPrivateKey(key)) throw new Error('is not the key of the certificate');
}

function readCertificate(pem: string, index: number): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new Error(`cannot be read: certificate ${index + 1} of it is damaged`);
  }
}

/** Names and key identifiers fit, and the signature is the issuer's. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function requireIssued(certificate: X509Certificate, issuer: X509Certificate | undefined, index: number): void {
  if (issuer === undefined) return;
  if (isIssuedBy(certificate, issuer)) return;
  throw new Error(`is out of order: certificate ${index + 1} was not issued by certificate ${index + 2}`);
}
