/** Certificate revocation lists (RFC 5280 §5), direct ones and the indirect ones that SHAKEN's policy administrator publishes. */
import { type KeyObject, verify, type X509Certificate } from 'node:crypto';
import {
  type BaseBlock,
  BitString,
  fromBER,
  GeneralizedTime,
  Integer,
  ObjectIdentifier,
  Sequence,
  UTCTime,
} from 'asn1js';
import { childrenOf, extensionsIn, type X509Extension } from './x509-extensions.ts';

export interface RevocationList {
  /** DER of its issuer's name, in hex. */
  readonly issuer: string;
  /** When the next one is due, ms; undefined when it does not say. */
  readonly nextUpdateMs: number | undefined;
  /** Revoked ones, as {@link revocationKey} names them. */
  readonly revoked: ReadonlySet<string>;
  isSignedBy(key: KeyObject): boolean;
}

const CERTIFICATE_ISSUER = '2.5.29.29';
const ISSUING_DISTRIBUTION_POINT = '2.5.29.28';
const DELTA_CRL_INDICATOR = '2.5.29.27';
const CONTEXT_SPECIFIC = 3;
const DIRECTORY_NAME = 4;
const PEM = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END X509 CRL-----/g;

const HASHES: ReadonlyMap<string, string> = new Map([
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
]);

/** All lists of a file, PEM or DER. Throws an Error that says what is wrong with it. */
export function readRevocationLists(file: Uint8Array): readonly RevocationList[] {
  const octets = Buffer.from(file);
  if (octets[0] === 0x30) return [parseList(octets)];
  const blocks = [...octets.toString('latin1').matchAll(PEM)].map(([, body = '']) => Buffer.from(body, 'base64'));
  if (blocks.length === 0) throw new Error('holds no certificate revocation list, neither PEM nor DER');
  return blocks.map(parseList);
}

/** Names a certificate: by who issued it and its number there. */
export function revocationKey(certificate: X509Certificate): string {
  const tbs = childrenOf(childrenOf(fromBER(certificate.raw).result)[0]);
  return keyOf(hexOf(tbs[issuerIndex(tbs)]), serialOf(certificate.serialNumber));
}

/** DER of the subject's name, in hex. */
export function subjectOf(certificate: X509Certificate): string {
  const tbs = childrenOf(childrenOf(fromBER(certificate.raw).result)[0]);
  return hexOf(tbs[issuerIndex(tbs) + 2]);
}

/** TBSCertificate: [0] version (version 1 has none), serialNumber, signature, issuer, validity, subject. */
function issuerIndex(tbs: readonly BaseBlock[]): number {
  return tbs[0]?.idBlock.tagClass === CONTEXT_SPECIFIC ? 3 : 2;
}

function parseList(der: Buffer): RevocationList {
  const { result, offset } = fromBER(der);
  const [tbs, algorithm, signature] = childrenOf(result);
  if (offset < 0 || !(tbs instanceof Sequence) || !(signature instanceof BitString))
    throw new Error('is no certificate revocation list');
  const parts = [...childrenOf(tbs)];
  if (parts[0] instanceof Integer) parts.shift();
  const [, issuerName, , ...rest] = parts;
  const issuer = hexOf(issuerName);
  const isTime = rest[0] instanceof UTCTime || rest[0] instanceof GeneralizedTime;
  const nextUpdateMs = isTime ? (rest[0] as UTCTime).toDate().getTime() : undefined;
  const list = rest.find((part) => part instanceof Sequence);
  const tagged = rest.find(({ idBlock }) => idBlock.tagClass === CONTEXT_SPECIFIC);
  refuseUnknown(extensionsIn(childrenOf(tagged)[0]));
  const oid = childrenOf(algorithm)[0];
  const hash = oid instanceof ObjectIdentifier ? HASHES.get(oid.valueBlock.toString()) : undefined;
  const signed = Buffer.from(tbs.valueBeforeDecodeView);
  const octets = Buffer.from(signature.valueBlock.valueHexView);
  return {
    issuer,
    nextUpdateMs,
    revoked: new Set(revokedIn(list, issuer)),
    isSignedBy: (key) => hash !== undefined && verify(hash, signed, key, octets),
  };
}

/** RFC 5280 §5.3.3: of an indirect list an entry names its certificate's issuer, else it is the one of the entry before. */
function revokedIn(list: BaseBlock | undefined, listIssuer: string): string[] {
  let issuer = listIssuer;
  return childrenOf(list).map((entry) => {
    const [serial, , extensionList] = childrenOf(entry);
    if (!(serial instanceof Integer)) throw new Error('has an entry without a serial number');
    const named = extensionsIn(extensionList).get(CERTIFICATE_ISSUER);
    if (named !== undefined) issuer = directoryName(named) ?? issuer;
    return keyOf(issuer, serialOf(Buffer.from(serial.valueBlock.valueHexView).toString('hex')));
  });
}

/** A list of changes, or one with a scope that is not looked at, would be read as the whole. */
function refuseUnknown(extensions: ReadonlyMap<string, X509Extension>): void {
  if (extensions.has(DELTA_CRL_INDICATOR)) throw new Error('is a delta list: the whole one is asked for');
  for (const [oid, { isCritical }] of extensions)
    if (isCritical && oid !== ISSUING_DISTRIBUTION_POINT) throw new Error(`has the critical extension ${oid}`);
}

function directoryName({ value }: X509Extension): string | undefined {
  const name = childrenOf(fromBER(value).result).find(({ idBlock }) => idBlock.tagNumber === DIRECTORY_NAME);
  return name === undefined ? undefined : hexOf(childrenOf(name)[0]);
}

function keyOf(issuer: string, serial: string): string {
  return `${issuer} ${serial}`;
}

function serialOf(hex: string): string {
  return hex.toLowerCase().replace(/^(?:00)+(?=..)/, '');
}

function hexOf(block: BaseBlock | undefined): string {
  if (block === undefined) throw new Error('has no issuer');
  return Buffer.from(block.valueBeforeDecodeView).toString('hex');
}
