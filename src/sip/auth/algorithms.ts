import { hash } from 'node:crypto';
import { octetsFromText } from '../message/index.ts';

/** The digest algorithms of RFC 8760 §2.1 that this engine computes, in the spelling of the IANA registry. */
export type DigestAlgorithm = 'SHA-512-256' | 'SHA-256' | 'MD5';

/** Every algorithm, strongest first. */
export const DIGEST_ALGORITHMS: readonly DigestAlgorithm[] = ['SHA-512-256', 'SHA-256', 'MD5'];

/** Hexadecimal digits of a digest (RFC 8760 §2.2). */
export function digestLength(algorithm: DigestAlgorithm): number {
  return algorithm === 'MD5' ? 32 : 64;
}

/**
 * Reads an `algorithm` value. Tokens compare case-insensitively (RFC 3261 §7.3.1); without the parameter, or a value of it, it is MD5
 * (RFC 7616 §3.3). Undefined for anything else, the `-sess` forms included.
 */
export function parseDigestAlgorithm(value: string | undefined): DigestAlgorithm | undefined {
  // As nearly all write it: a copy in lower case is made even where nothing changes.
  if (value === undefined || value === 'MD5') return 'MD5';
  switch (value.toLowerCase()) {
    case '':
    case 'md5':
      return 'MD5';
    case 'sha-256':
      return 'SHA-256';
    case 'sha-512-256':
      return 'SHA-512-256';
    default:
      return undefined;
  }
}

/** The digest of octets held as a latin1 string, in lower-case hexadecimal. */
export function digestOf(algorithm: DigestAlgorithm, octets: string): string {
  // `hash` encodes a string as UTF-8, which is the octets themselves as long as all of them are ASCII.
  const data = isAscii(octets) ? octets : Buffer.from(octets, 'latin1');
  switch (algorithm) {
    case 'MD5':
      return hash('md5', data);
    case 'SHA-256':
      return hash('sha256', data);
    case 'SHA-512-256':
      return hash('sha512-256', data);
    default:
      return algorithm satisfies never;
  }
}

/**
 * H(A1) of RFC 7616 §3.4.2: what a server needs to know of a password. Takes user name and password as people write them, whose
 * UTF-8 is hashed (RFC 7616 §4), and the realm in the octets that it travels in.
 */
export function ha1(algorithm: DigestAlgorithm, username: string, realm: string, password: string): string {
  return digestOf(algorithm, `${octetsFromText(username)}:${realm}:${octetsFromText(password)}`);
}

function isAscii(text: string): boolean {
  // Read once: see secretHash.
  const { length } = text;
  for (let index = 0; index < length; index++) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}
