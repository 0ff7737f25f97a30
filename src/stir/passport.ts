/**
 * PASSporT (RFC 8225): the token of an Identity header field. What is said in it and how it is written: JSON with its members in
 * order and without white space (§9), base64url, and telephone numbers in one spelling (RFC 8224 §8.3). Signing is in `jws.ts`.
 */
import type { RichClaims } from './rich-call-data.ts';

/** Extensions of this engine: `shaken` (RFC 8588), `div` (RFC 8946), `rcd` (RFC 9795). */
export type PassportType = 'shaken' | 'div' | 'rcd';

/** RFC 8225 §4: the protected header. */
export interface PassportHeader {
  /** RFC 8225 §8: ES256 is the one algorithm. */
  readonly alg: 'ES256';
  /** RFC 8225 §8.1: the extension; absent on a plain PASSporT. */
  readonly ppt?: PassportType;
  readonly typ: 'passport';
  /** Where the certificate chain of the signer is. */
  readonly x5u: string;
}

/** RFC 8588 §4: how well the signer knows who calls. A full, B partial, C gateway. */
export type Attestation = 'A' | 'B' | 'C';

/** One identity (RFC 8225 §5.2.1): a canonical telephone number, or a URI. */
export type PassportParty = { readonly tn: string } | { readonly uri: string };

/** Destinations (RFC 8225 §5.2.1): always arrays. */
export interface Destinations {
  readonly tn?: readonly string[];
  readonly uri?: readonly string[];
}

/** RFC 8225 §5: claims of every PASSporT. */
export interface PassportClaims {
  readonly dest: Destinations;
  /** Seconds since 1970. */
  readonly iat: number;
  readonly orig: PassportParty;
}

/** RFC 8588 §§4–5, with or without rich call data. */
export interface ShakenClaims extends PassportClaims, Partial<RichClaims> {
  readonly attest: Attestation;
  /** A UUID that says to the signer alone where the call came from. */
  readonly origid: string;
}

/** RFC 8946 §3: `div` is what had been called, `dest` what is called now. */
export interface DivClaims extends PassportClaims {
  readonly div: PassportParty;
}

/** RFC 9795: how the caller is shown. */
export interface RcdClaims extends PassportClaims, RichClaims {}

/** E.164 §6.2.1: fifteen digits at most. The shortest numbers with a country code in use have seven. */
const E164 = /^[1-9][0-9]{6,14}$/;
const TN = /^[0-9*#]+$/;

/**
 * RFC 8224 §8.3: a telephone number as tokens carry it: digits, `*` and `#` alone, with country code, without `+`. The digits of an
 * international call (`00`, `+00`) go. Undefined: not a telephone number.
 */
export function canonicalNumber(text: string): string | undefined {
  const isBare = TN.test(text);
  const bare = isBare ? text : text.replaceAll(/[-+().\s]/g, '');
  if (!isBare && !TN.test(bare)) return undefined;
  return bare.startsWith('00') ? bare.slice(2) : bare;
}

/** True when a canonical number can be one of E.164: a country code in front and no more than fifteen digits. */
export function isE164(number: string): boolean {
  return E164.test(number);
}

/** RFC 8225 §9: members in lexicographic order, in depth; no white space. Values are JSON; undefined members are left out. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  let text = '';
  if (Array.isArray(value)) {
    for (const element of value) text += `${text === '' ? '' : ','}${canonicalJson(element)}`;
    return `[${text}]`;
  }
  const object = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(object).sort()) {
    const member = object[name];
    if (member !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${canonicalJson(member)}`;
  }
  return `{${text}}`;
}

/** RFC 7515 §2: base64url without padding of the UTF-8 of the canonical JSON. */
export function encodePart(value: PassportHeader | PassportClaims): string {
  return Buffer.from(canonicalJson(value), 'utf8').toString('base64url');
}
