import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  BasicConstraints,
  Certificate,
  CertificateList,
  Extension,
  Extensions,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  RevokedCertificate,
  SubjectPublicKeyInfo,
  TBSCertificate,
  TBSCertList,
  Time,
  Validity,
  Version,
} from '@peculiar/asn1-x509';
import { type BaseBlock, Constructed, IA5String, Integer, Sequence, Utf8String } from 'asn1js';

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const COMMON_NAME = '2.5.4.3';
const BASIC_CONSTRAINTS = '2.5.29.19';
const KEY_USAGE = '2.5.29.15';
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const TN_AUTH_LIST = '1.3.6.1.5.5.7.1.26';
const DAY_MS = 86_400_000;

/** An entry of TNAuthList: a provider's code, a number, or a range of `count` numbers. */
export type TnEntry =
  | { readonly spc: string }
  | { readonly one: string }
  | { readonly start: string; readonly count: number };

export interface StirCertificateOptions {
  readonly commonName?: string;
  /** No extension when left out; DER as it is when octets are given. */
  readonly tnAuthList?: readonly TnEntry[] | Uint8Array;
  /** Default: an hour ago. */
  readonly notBefore?: Date;
  /** Default: in 90 days. */
  readonly notAfter?: Date;
  /** Default P-256. */
  readonly curve?: 'P-256' | 'P-384';
  /** May issue certificates itself. */
  readonly ca?: boolean;
  /** Names for TLS: `localhost`; IPv4 addresses are written as such. */
  readonly hosts?: readonly string[];
  /** How many authorities may stand below this one. */
  readonly pathLength?: number;
  /** Further extensions, DER each. */
  readonly extensions?: readonly { readonly oid: string; readonly der: Uint8Array; readonly critical?: boolean }[];
}

/**
 * A certificate with its key, which can issue others when it is one of an authority: made in the process, by Node's crypto and an ASN.1
 * schema, in a millisecond. The chain is this certificate, then those that issued it, up to and without the root.
 */
export class StirCertificate {
  readonly der: Buffer;
  readonly pem: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly issuer: StirCertificate | undefined;
  readonly serial: Buffer;
  readonly #name: Name;

  private constructor(issuer: StirCertificate | undefined, options: StirCertificateOptions) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: options.curve ?? 'P-256' });
    this.privateKey = privateKey;
    this.publicKey = publicKey;
    this.issuer = issuer;
    this.serial = Buffer.concat([Buffer.of(0x01), randomBytes(15)]);
    this.#name = nameOf(options.commonName ?? (issuer === undefined ? 'STIR test root' : 'STIR test certificate'));
    const nowMs = Date.now();
    const tbs = new TBSCertificate({
      version: Version.v3,
      serialNumber: arrayBuffer(this.serial),
      signature: new AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 }),
      issuer: (issuer ?? this).#name,
      validity: new Validity({
        notBefore: options.notBefore ?? new Date(nowMs - 3_600_000),
        notAfter: options.notAfter ?? new Date(nowMs + 90 * DAY_MS),
      }),
      subject: this.#name,
      subjectPublicKeyInfo: AsnConvert.parse(publicKey.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo),
      extensions: new Extensions(extensionsOf(options, options.ca ?? issuer === undefined)),
    });
    this.der = Buffer.from(
      AsnConvert.serialize(
        new Certificate({
          tbsCertificate: tbs,
          signatureAlgorithm: new AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 }),
          signatureValue: arrayBuffer(
            sign('sha256', Buffer.from(AsnConvert.serialize(tbs)), (issuer ?? this).privateKey),
          ),
        }),
      ),
    );
    this.pem = pemOf('CERTIFICATE', this.der);
  }

  /** A root that has signed itself. */
  static root(options: StirCertificateOptions = {}): StirCertificate {
    return new StirCertificate(undefined, { ca: true, ...options });
  }

  issue(options: StirCertificateOptions): StirCertificate {
    return new StirCertificate(this, options);
  }

  /** The private key as PKCS#8, PEM. */
  get keyPem(): string {
    return this.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  }

  /** What is served at an x5u: this certificate and its issuers, without the root. */
  get chainPem(): string {
    const parts: string[] = [];
    for (let at: StirCertificate | undefined = this; at?.issuer !== undefined; at = at.issuer) parts.push(at.pem);
    return parts.join('');
  }

  /** A revocation list of this authority (PEM), naming certificates that it takes back. */
  revocationList(revoked: readonly StirCertificate[], nextUpdate = new Date(Date.now() + 7 * DAY_MS)): string {
    const tbs = new TBSCertList({
      version: Version.v2,
      signature: new AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 }),
      issuer: this.#name,
      thisUpdate: new Time(new Date(Date.now() - 60_000)),
      nextUpdate: new Time(nextUpdate),
      ...(revoked.length > 0 && {
        revokedCertificates: revoked.map(
          ({ serial }) =>
            new RevokedCertificate({
              userCertificate: arrayBuffer(serial),
              revocationDate: new Time(new Date(Date.now() - 60_000)),
            }),
        ),
      }),
    });
    const list = new CertificateList({
      tbsCertList: tbs,
      signatureAlgorithm: new AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 }),
      signature: arrayBuffer(sign('sha256', Buffer.from(AsnConvert.serialize(tbs)), this.privateKey)),
    });
    return pemOf('X509 CRL', Buffer.from(AsnConvert.serialize(list)));
  }
}

/** An authority with an intermediate, as the SHAKEN authorities have it, and certificates of callers. */
export interface StirWorld {
  readonly root: StirCertificate;
  readonly intermediate: StirCertificate;
  /** A certificate for these numbers or codes. */
  leaf(tnAuthList: readonly TnEntry[], options?: StirCertificateOptions): StirCertificate;
}

/** `validity` is that of the authorities, for tests with a time of their own. */
export function stirWorld(validity: Pick<StirCertificateOptions, 'notBefore' | 'notAfter'> = {}): StirWorld {
  const root = StirCertificate.root(validity);
  const intermediate = root.issue({ ...validity, commonName: 'STIR test intermediate', ca: true });
  return {
    root,
    intermediate,
    leaf: (tnAuthList, options) => intermediate.issue({ commonName: 'SHAKEN 1234', tnAuthList, ...options }),
  };
}

/** DER of TNAuthorizationList (RFC 8226 §9). */
export function tnAuthListDer(entries: readonly TnEntry[]): Uint8Array {
  return new Uint8Array(new Sequence({ value: entries.map(entryOf) }).toBER());
}

/** DER of JWTClaimConstraints (RFC 8226 §8). */
export function claimConstraintsDer(constraints: {
  readonly mustInclude?: readonly string[];
  readonly permittedValues?: Readonly<Record<string, readonly string[]>>;
}): Uint8Array {
  const { mustInclude = [], permittedValues = {} } = constraints;
  const claim = (value: string) => new IA5String({ value });
  const permitted = Object.entries(permittedValues).map(
    ([name, values]) =>
      new Sequence({
        value: [claim(name), new Sequence({ value: values.map((value) => new Utf8String({ value })) })],
      }),
  );
  const parts = [
    ...(mustInclude.length === 0 ? [] : [tagged(0, new Sequence({ value: mustInclude.map(claim) }))]),
    ...(permitted.length === 0 ? [] : [tagged(1, new Sequence({ value: permitted }))]),
  ];
  return new Uint8Array(new Sequence({ value: parts }).toBER());
}

function entryOf(entry: TnEntry): Constructed {
  const number = (value: string) => new IA5String({ value });
  if ('spc' in entry) return tagged(0, number(entry.spc));
  if ('one' in entry) return tagged(2, number(entry.one));
  return tagged(1, new Sequence({ value: [number(entry.start), new Integer({ value: entry.count })] }));
}

function tagged(tagNumber: number, value: BaseBlock): Constructed {
  return new Constructed({ idBlock: { tagClass: 3, tagNumber }, value: [value] });
}

function extensionsOf(options: StirCertificateOptions, ca: boolean): Extension[] {
  const usage = ca ? KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign : KeyUsageFlags.digitalSignature;
  const extensions = [
    extension(
      BASIC_CONSTRAINTS,
      AsnConvert.serialize(
        new BasicConstraints({
          cA: ca,
          ...(options.pathLength !== undefined && { pathLenConstraint: options.pathLength }),
        }),
      ),
      true,
    ),
    extension(KEY_USAGE, AsnConvert.serialize(new KeyUsage(usage)), true),
  ];
  const { tnAuthList: list, hosts } = options;
  if (list !== undefined) {
    const der = list instanceof Uint8Array ? list : tnAuthListDer(list);
    extensions.push(extension(TN_AUTH_LIST, arrayBuffer(der), false));
  }
  if (hosts !== undefined) extensions.push(extension(SUBJECT_ALTERNATIVE_NAME, arrayBuffer(hostsDer(hosts)), false));
  for (const { oid, der, critical } of options.extensions ?? [])
    extensions.push(extension(oid, arrayBuffer(der), critical === true));
  return extensions;
}

/** GeneralNames: dNSName [2] IMPLICIT, iPAddress [7] IMPLICIT (RFC 5280 §4.2.1.6). */
function hostsDer(hosts: readonly string[]): Uint8Array {
  const names = hosts.map((host) => {
    const octets = /^[0-9.]+$/.test(host) ? Buffer.from(host.split('.').map(Number)) : Buffer.from(host, 'latin1');
    return Buffer.concat([Buffer.of(/^[0-9.]+$/.test(host) ? 0x87 : 0x82, octets.length), octets]);
  });
  const body = Buffer.concat(names);
  if (body.length > 127) throw new Error('too many names for a test certificate');
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

function extension(extnID: string, der: ArrayBuffer, critical: boolean): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(der) });
}

function nameOf(commonName: string): Name {
  const value = new AttributeValue({ utf8String: commonName });
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: COMMON_NAME, value })])]);
}

function arrayBuffer(octets: Uint8Array): ArrayBuffer {
  return Uint8Array.from(octets).buffer;
}

function pemOf(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
