/**
 * From the certificate that signed to an anchor (RFC 5280 §6, RFC 8226, RFC 9060 §7). Each certificate of the path: dates, signature, key
 * usage, authority, path length, critical extensions, revocation. What it may speak for is {@link isAuthorityFor}'s to say.
 */

import type { KeyObject, X509Certificate } from 'node:crypto';
import { isIssuedBy } from '../base/certificate-chain.ts';
import { type ClaimConstraints, claimConstraintsOf } from './claim-constraints.ts';
import { revocationKey } from './crl.ts';
import { isEs256Key } from './jws.ts';
import { listsNumber, parseTnAuthList, type TnAuthList } from './tn-auth-list.ts';
import { nameOf, type Trust } from './trust.ts';
import { EXTENSION, extensionsOf, mayUseKeyFor, pathLengthOf, type X509Extension } from './x509-extensions.ts';

/** A certificate that leads to an anchor. */
export interface Signer {
  readonly key: KeyObject;
  /** Its subject, and that of the anchor. */
  readonly name: string;
  readonly anchor: string;
  /** What it may speak for, then what each authority above it may. */
  readonly scopes: readonly TnAuthList[];
  readonly constraints: ClaimConstraints | undefined;
  /** When all certificates of the path are valid, ms. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Longest chain that is followed: leaf, three authorities below the anchor, and the anchor again, with room. */
export const MAX_CHAIN = 8;
const DIGITAL_SIGNATURE = 0;
const KEY_CERT_SIGN = 5;
const KNOWN: ReadonlySet<string> = new Set(Object.values(EXTENSION));
const TELEPHONE_NUMBER = /^[0-9*#]{1,15}$/;
const BROKEN_HASH = /md5|sha1/i;

/** @param presented the signer's first, then those above it. A text says what is wrong. */
export function signerOf(presented: readonly X509Certificate[], trust: Trust): Signer | string {
  const [leaf] = presented;
  if (leaf === undefined) return 'there is no certificate';
  if (!isEs256Key(leaf.publicKey)) return 'the key of the certificate is not one of P-256';
  try {
    const path = pathOf(leaf, presented, trust.anchors);
    if (path === undefined) return `${nameOf(leaf)} leads to none of the trust anchors`;
    return signerAtEnd(path, trust);
  } catch (error) {
    return `the certificate ${(error as Error).message}`;
  }
}

/** RFC 8226 §9, RFC 9060 §4: a certificate without service provider code names numbers; none above it may leave the number out. */
export function isAuthorityFor(signer: Signer, number: string): boolean {
  return (
    TELEPHONE_NUMBER.test(number) && signer.scopes.every((scope) => scope.spcs.length > 0 || listsNumber(scope, number))
  );
}

/** Leaf first, anchor last. */
function pathOf(
  leaf: X509Certificate,
  presented: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
): readonly X509Certificate[] | undefined {
  const path = [leaf];
  for (let at = leaf; path.length <= MAX_CHAIN; ) {
    if (anchors.some(({ fingerprint256 }) => fingerprint256 === at.fingerprint256)) return path;
    const anchor = anchors.find((candidate) => isIssuedBy(at, candidate));
    if (anchor !== undefined) return [...path, anchor];
    const above = presented.find((candidate) => !path.includes(candidate) && isIssuedBy(at, candidate));
    if (above === undefined) return undefined;
    path.push(above);
    at = above;
  }
  return undefined;
}

function signerAtEnd(path: readonly X509Certificate[], trust: Trust): Signer | string {
  const leaf = path[0] as X509Certificate;
  const anchor = path.at(-1) as X509Certificate;
  const extensions = path.map(extensionsOf);
  const own = extensions[0] as ReadonlyMap<string, X509Extension>;
  for (const [index, certificate] of path.entries()) {
    const fault = faultOf(certificate, index, extensions[index] as typeof own, trust, certificate === anchor);
    if (fault !== undefined) return `${nameOf(certificate)} ${fault}`;
  }
  if (!own.has(EXTENSION.tnAuthList)) return `${nameOf(leaf)} has no TNAuthList: it speaks for no number`;
  if (!mayUseKeyFor(own, DIGITAL_SIGNATURE)) return `${nameOf(leaf)} may not sign (keyUsage)`;
  return {
    key: leaf.publicKey,
    name: nameOf(leaf),
    anchor: nameOf(anchor),
    scopes: extensions.flatMap((each) => {
      const list = each.get(EXTENSION.tnAuthList);
      return list === undefined ? [] : [parseTnAuthList(list.value)];
    }),
    constraints: claimConstraintsOf(own),
    notBeforeMs: Math.max(...path.map(({ validFromDate }) => validFromDate.getTime())),
    notAfterMs: Math.min(...path.map(({ validToDate }) => validToDate.getTime())),
  };
}

function faultOf(
  certificate: X509Certificate,
  index: number,
  extensions: ReadonlyMap<string, X509Extension>,
  trust: Trust,
  isAnchor: boolean,
): string | undefined {
  const unknown = [...extensions].find(([oid, { isCritical }]) => isCritical && !KNOWN.has(oid));
  if (unknown !== undefined) return `has the critical extension ${unknown[0]}, which is not known here`;
  if (!isAnchor && BROKEN_HASH.test(certificate.signatureAlgorithm ?? '')) return 'is signed with a broken hash';
  if (index > 0) {
    if (!certificate.ca) return 'is no certificate authority';
    if (!mayUseKeyFor(extensions, KEY_CERT_SIGN)) return 'may not sign certificates (keyUsage)';
    const length = pathLengthOf(extensions);
    if (length !== undefined && index - 1 > length) return `allows ${length} authorities below it (pathLenConstraint)`;
  }
  const key = isAnchor || trust.revocationLists.length === 0 ? undefined : revocationKey(certificate);
  return key !== undefined && trust.revocationLists.some(({ revoked }) => revoked.has(key)) ? 'is revoked' : undefined;
}
