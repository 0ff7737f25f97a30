import type { KeyObject, X509Certificate } from 'node:crypto';
import { readChain, readPrivateKey, requirePair } from '../base/certificate-chain.ts';
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

const PRIVATE_KEY = /-----BEGIN (?:EC )?PRIVATE KEY-----/;

/**
 * Reads the chain of a certificate that is to sign (RFC 8226 §4, §9): PEM, leaf first, each issued by the next one, a P-256 key and a
 * TNAuthList in the leaf. Whether a verifier trusts the last one is for it to say. Throws an Error that says what is wrong.
 */
export function readSigningChain(pem: string): SigningChain {
  const [leaf] = readChain(pem);
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
  const key = readPrivateKey(pem, PRIVATE_KEY);
  if (!isEs256Key(key)) throw new Error(`is of kind ${kindOf(key)}: ES256 needs one on P-256`);
  requirePair(key, leaf);
  return key;
}

function tnAuthListOf(der: Uint8Array): TnAuthList {
  try {
    return parseTnAuthList(der);
  } catch (error) {
    throw new Error(`has a TNAuthList that ${(error as Error).message}`);
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
