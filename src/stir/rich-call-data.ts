/**
 * Rich call data (RFC 9795): what a caller is called and looks like, in the claims `rcd` and `rcdi` of a token of the type `rcd` or of
 * another one. `nam` is the name; `icn` the URL of an icon, whose digest stands in `rcdi` under the JSON pointer `/icn`. The other
 * members, `jcd` and `jcl` (jCard) and `apn`, are not read; `crn`, the reason of the call, is.
 */

import { createHash } from 'node:crypto';
import { isObject } from '../base/json-object.ts';
import type { JsonObject } from './strict-json.ts';

/** An image elsewhere, and what its octets must be: `sha256-`, `sha384-` or `sha512-` and base64. */
export interface Icon {
  readonly url: string;
  readonly digest: string;
}

export interface RichCallData {
  /** Empty: no name is given. */
  readonly name: string;
  readonly icon: Icon | undefined;
  /** Why the caller calls, in its words. */
  readonly reason: string | undefined;
  /** What cannot be used of it, in words. */
  readonly faults: readonly string[];
}

/** The claims, as a signer writes them. */
export interface RichClaims {
  readonly rcd: { readonly nam: string; readonly icn?: string };
  readonly rcdi?: { readonly '/icn': string };
}

const DIGEST = /^(sha256|sha384|sha512)-([A-Za-z0-9+/_-]+={0,2})$/;
const OCTETS: Readonly<Record<string, number>> = { sha256: 32, sha384: 48, sha512: 64 };
const MAX_NAME = 128;
/** Shorter than a line of a phone, and of what a carrier may write in `call-reason`. */
const MAX_REASON = 128;
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;

export function richClaims(name: string, icon: Icon | undefined): RichClaims {
  if (icon === undefined) return { rcd: { nam: name } };
  return { rcd: { nam: name, icn: icon.url }, rcdi: { '/icn': icon.digest } };
}

/** What the claims of a token tell; undefined: nothing of the kind. A text says why they cannot be read. */
export function readRichCallData(claims: JsonObject): RichCallData | string | undefined {
  const { rcd, rcdi, crn } = claims;
  if (rcd === undefined) return undefined;
  if (!isObject(rcd)) return 'rcd is no object';
  const { nam, icn } = rcd;
  if (typeof nam !== 'string') return 'rcd has no nam';
  const faults: string[] = [];
  const icon = icn === undefined ? undefined : iconOf(icn, isObject(rcdi) ? rcdi['/icn'] : undefined);
  if (typeof icon === 'string') faults.push(icon);
  return {
    name: shown(nam, MAX_NAME),
    icon: typeof icon === 'string' ? undefined : icon,
    reason: typeof crn === 'string' && crn !== '' ? shown(crn, MAX_REASON) : undefined,
    faults,
  };
}

/** Why a text is no digest; undefined: it is one. */
function digestFault(text: string): string | undefined {
  const [, algorithm = '', value = ''] = DIGEST.exec(text) ?? [];
  if (algorithm === '') return 'is no digest: sha256-, sha384- or sha512- and base64';
  const octets = Buffer.from(value, 'base64').length;
  return octets === OCTETS[algorithm]
    ? undefined
    : `is no digest: ${algorithm} has ${OCTETS[algorithm]} octets, not ${octets}`;
}

/** The digests that there may be of a file. */
export class DigestedFile {
  readonly #digests: ReadonlyMap<string, Buffer>;

  constructor(octets: Uint8Array) {
    this.#digests = new Map(
      Object.keys(OCTETS).map((algorithm) => [algorithm, createHash(algorithm).update(octets).digest()]),
    );
  }

  has(digest: string): boolean {
    const [, algorithm = '', value = ''] = DIGEST.exec(digest) ?? [];
    return this.#digests.get(algorithm)?.equals(Buffer.from(value, 'base64')) === true;
  }
}

function iconOf(icn: unknown, digest: unknown): Icon | string {
  if (typeof icn !== 'string') return 'icn is no URL';
  // A reference without a digest could be another picture by now.
  if (typeof digest !== 'string') return `the icon ${icn} has no digest in rcdi`;
  const fault = digestFault(digest);
  return fault === undefined ? { url: icn, digest } : `the digest of the icon ${icn} ${fault}`;
}

/** One line of what can be printed. */
function shown(text: string, most: number): string {
  return [...text.replaceAll(UNPRINTABLE, ' ').trim()].slice(0, most).join('');
}
