import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { certificateUrl } from './certificate-url.ts';
import { type ClaimConstraints, claimConstraintsOf } from './claim-constraints.ts';
import { isEs256Key } from './jws.ts';
import { parseTnAuthList, type TnAuthList } from './tn-auth-list.ts';
import { EXTENSION, extensionsOf } from './x509-extensions.ts';

/** A chain that tokens are signed with: leaf first. */
export interface SigningChain {
  readonly leaf: X509Certificate;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly tnAuthList: TnAuthList;
  /** What it may claim; undefined: everything. */
  readonly constraints: ClaimConstraints | undefined;
}

/** Leaf, intermediates and a root; SHAKEN authorities have one intermediate. */
const MAX_CHAIN = 10;
const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g;
const PRIVATE_KEY = /-----BEGIN (?:EC )?PRIVATE KEY-----/;

/**
 * Reads the chain of a certificate that is to sign (RFC 8226 §4, §9): PEM, leaf first, each issued by the next one, a P-256 key and a
 * TNAuthList in the leaf. Whether a verifier trusts the last one is for it to say. Throws an Error that says what is wrong.
 */
export function readSigningChain(pem: string): SigningChain {
  const blocks = pem.match(PEM_BLOCK) ?? [];
  if (blocks.length === 0) throw new Error('holds no PEM certificate (-----BEGIN CERTIFICATE-----)');
  if (blocks.length > MAX_CHAIN)
    throw new Error(`holds ${blocks.length} certificates: at most ${MAX_CHAIN} make a chain`);
  const certificates = blocks.map((block, index) => readCertificate(block, index));
  const leaf = certificates[0] as X509Certificate;
  for (const [index, certificate] of certificates.entries()) requireIssued(certificate, certificates[index + 1], index);
  if (leaf.ca) throw new Error('begins with the certificate of an authority: put the certificate that signs first');
  if (!isEs256Key(leaf.publicKey))
    throw new Error(`has a key of kind ${kindOf(leaf.publicKey)}: ES256 needs one on P-256`);
  const extensions = extensionsOf(leaf);
  const der = extensions.get(EXTENSION.tnAuthList)?.value;
  if (der === undefined)
    throw new Error(
      'has no TNAuthList (RFC 8226): it says of no number that it may sign for it, and no verifier takes it',
    );
  return {
    leaf,
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
    tnAuthList: tnAuthListOf(der),
    constraints: claimConstraintsOf(extensions),
  };
}

/** Reads the private key of a chain's leaf: PKCS #8 or SEC 1, PEM, not encrypted. Throws an Error that says what is wrong; it never shows the key. */
export function readSigningKey(pem: string, leaf: X509Certificate): KeyObject {
  if (pem.includes('ENCRYPTED'))
    throw new Error('is encrypted: decrypt it first (openssl pkey -in key.pem -out plain.pem)');
  if (!PRIVATE_KEY.test(pem)) throw new Error('holds no PEM private key (-----BEGIN PRIVATE KEY-----)');
  const key = openKey(pem);
  if (!isEs256Key(key)) throw new Error(`is of kind ${kindOf(key)}: ES256 needs one on P-256`);
  if (!leaf.checkPrivateKey(key)) throw new Error('is not the key of the certificate');
  return key;
}

function readCertificate(pem: string, index: number): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new Error(`cannot be read: certificate ${index + 1} of it is damaged`);
  }
}

function requireIssued(certificate: X509Certificate, issuer: X509Certificate | undefined, index: number): void {
  if (issuer === undefined) return;
  if (certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)) return;
  throw new Error(`is out of order: certificate ${index + 1} was not issued by certificate ${index + 2}`);
}

function tnAuthListOf(der: Uint8Array): TnAuthList {
  try {
    return parseTnAuthList(der);
  } catch (error) {
    throw new Error(`has a TNAuthList that ${(error as Error).message}`);
  }
}

function openKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Error('cannot be read: it is damaged');
  }
}

function kindOf(key: KeyObject): string {
  return key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? 'unknown';
}

/** What stands in an Identity field without quotes: neither separators nor what a parser would write otherwise. */
export function x5uFault(text: string): string | undefined {
  const url = certificateUrl(text);
  if (typeof url === 'string') return `${url}: verifiers fetch https URLs such as https://certs.example.com/name.pem`;
  if (url.href !== text) return `is written otherwise than verifiers read it: ${url.href}`;
  return /[,;]/.test(text) ? 'has a comma or a semicolon, which separate the parts of an Identity field' : undefined;
}
