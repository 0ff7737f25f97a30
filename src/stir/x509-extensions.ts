/** Extensions of a certificate (RFC 5280 §4.1.2.9) that Node's X509Certificate does not tell of. */
import type { X509Certificate } from 'node:crypto';
import {
  Boolean as Asn1Boolean,
  type BaseBlock,
  BitString,
  fromBER,
  Integer,
  ObjectIdentifier,
  OctetString,
  Sequence,
} from 'asn1js';

export interface X509Extension {
  readonly isCritical: boolean;
  /** DER of the extension's own value. */
  readonly value: Uint8Array;
}

export const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  authorityInformationAccess: '1.3.6.1.5.5.7.1.1',
  tnAuthList: '1.3.6.1.5.5.7.1.26',
  jwtClaimConstraints: '1.3.6.1.5.5.7.1.27',
  enhancedJwtClaimConstraints: '1.3.6.1.5.5.7.1.33',
} as const;

/** `[3] EXPLICIT Extensions` of TBSCertificate. */
const EXTENSIONS_TAG = 3;
const CONTEXT_SPECIFIC = 3;

/** By object identifier. Throws an Error when the certificate is not what X.509 says; a second one of the same kind is refused (§4.2). */
export function extensionsOf(certificate: X509Certificate): ReadonlyMap<string, X509Extension> {
  const { result } = fromBER(certificate.raw);
  const tbs = childrenOf(result)[0];
  const tagged = childrenOf(tbs).find(
    ({ idBlock }) => idBlock.tagClass === CONTEXT_SPECIFIC && idBlock.tagNumber === EXTENSIONS_TAG,
  );
  return tagged === undefined ? new Map() : extensionsIn(childrenOf(tagged)[0]);
}

/** Of a SEQUENCE OF Extension, wherever it stands. */
export function extensionsIn(list: BaseBlock | undefined): ReadonlyMap<string, X509Extension> {
  const extensions = new Map<string, X509Extension>();
  for (const entry of childrenOf(list)) {
    const [id, ...rest] = childrenOf(entry);
    const value = rest.at(-1);
    if (!(id instanceof ObjectIdentifier) || !(value instanceof OctetString))
      throw new Error('has an extension of an unknown form');
    const oid = id.valueBlock.toString();
    if (extensions.has(oid)) throw new Error(`has the extension ${oid} twice`);
    const isCritical = rest[0] instanceof Asn1Boolean && rest[0].getValue();
    extensions.set(oid, { isCritical, value: value.valueBlock.valueHexView });
  }
  return extensions;
}

/** What a constructed block holds; nothing for any other. */
export function childrenOf(block: BaseBlock | undefined): readonly BaseBlock[] {
  const value = (block?.valueBlock as { readonly value?: unknown } | undefined)?.value;
  return Array.isArray(value) ? (value as BaseBlock[]) : [];
}

/** RFC 5280 §4.2.1.3: bit `index` of KeyUsage; a certificate without the extension may do everything. */
export function mayUseKeyFor(extensions: ReadonlyMap<string, X509Extension>, index: number): boolean {
  const usage = extensions.get(EXTENSION.keyUsage);
  if (usage === undefined) return true;
  const { result } = fromBER(usage.value);
  if (!(result instanceof BitString)) return false;
  const octet = result.valueBlock.valueHexView[index >> 3] ?? 0;
  return (octet & (0x80 >> (index & 7))) !== 0;
}

/** RFC 5280 §4.2.1.9: how many further authorities may stand below this one; undefined: any number. */
export function pathLengthOf(extensions: ReadonlyMap<string, X509Extension>): number | undefined {
  const basic = extensions.get(EXTENSION.basicConstraints);
  if (basic === undefined) return undefined;
  const { result } = fromBER(basic.value);
  const length =
    result instanceof Sequence ? result.valueBlock.value.find((part) => part instanceof Integer) : undefined;
  return length === undefined ? undefined : (length as Integer).valueBlock.valueDec;
}
