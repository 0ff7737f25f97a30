import { type KeyObject, sign, verify } from 'node:crypto';

/**
 * ES256 of compact JWS (RFC 7515 §3.1, RFC 7518 §3.4): ECDSA on P-256 with SHA-256, the signature being r and s of 32 octets each, one
 * behind the other. Node's own crypto does that (`dsaEncoding: 'ieee-p1363'`); what a JWS library has beyond it, choosing among
 * algorithms and sources of keys, is what a PASSporT must not have (RFC 8225 §8: ES256 alone, the key from the certificate alone).
 */
const SIGNATURE_OCTETS = 64;
/** 64 octets in base64url: 86 characters, of which the last has four bits that say nothing and are zero. */
const SIGNATURE = /^[A-Za-z0-9_-]{85}[AQgw]$/;

/** A key that ES256 can use: P-256, private or public. */
export function isEs256Key(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

/** The signature (base64url) over `input`, the octets `header.claims`. The key is a private one of P-256. */
export function signEs256(input: string, key: KeyObject): string {
  return sign('sha256', Buffer.from(input, 'latin1'), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

/**
 * Says whether `signature` (base64url) is the key's over `input`, the octets `header.claims` as they were received. The key is a public
 * one of P-256; any other never verifies. One signature has one spelling: stray bits in its last character are a change.
 */
export function verifyEs256(input: string, signature: string, key: KeyObject): boolean {
  if (!isEs256Key(key) || !SIGNATURE.test(signature)) return false;
  const octets = Buffer.from(signature, 'base64url');
  return (
    octets.length === SIGNATURE_OCTETS &&
    verify('sha256', Buffer.from(input, 'latin1'), { key, dsaEncoding: 'ieee-p1363' }, octets)
  );
}
