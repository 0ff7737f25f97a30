/** Whom this node believes (`stir.trustAnchors`, `stir.crls`): read from files, replaced as a whole by a reload. */
import { X509Certificate } from 'node:crypto';
import { type RevocationList, readRevocationLists, subjectOf } from './crl.ts';

export interface Trust {
  readonly anchors: readonly X509Certificate[];
  readonly revocationLists: readonly RevocationList[];
}

export interface TrustFiles {
  readonly trustAnchors: readonly string[];
  readonly crls: readonly string[];
}

/** What is wrong with one of the files, by its place in the settings. */
export interface TrustProblem {
  readonly segments: readonly ['stir', 'trustAnchors' | 'crls', number];
  readonly message: string;
}

const PEM = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** Every file, or all problems. `read` throws when a file cannot be read. */
export function loadTrust(files: TrustFiles, read: (path: string) => Uint8Array): Trust | readonly TrustProblem[] {
  const problems: TrustProblem[] = [];
  const each = <T>(kind: 'trustAnchors' | 'crls', parse: (octets: Uint8Array) => readonly T[]): T[] =>
    files[kind].flatMap((path, index) => {
      try {
        return parse(read(path));
      } catch (error) {
        problems.push({ segments: ['stir', kind, index], message: `${path}: ${(error as Error).message}` });
        return [];
      }
    });
  const anchors = each('trustAnchors', anchorsIn);
  const revocationLists = each('crls', (octets) => listsIn(octets, anchors));
  return problems.length === 0 ? { anchors, revocationLists } : problems;
}

/** Certificates of a file, PEM one behind the other, or one in DER. Throws an Error that says what is wrong. */
export function certificatesIn(file: Uint8Array): readonly X509Certificate[] {
  const octets = Buffer.from(file);
  if (octets[0] === 0x30) return [new X509Certificate(octets)];
  const blocks = octets.toString('latin1').match(PEM) ?? [];
  if (blocks.length === 0) throw new Error('holds no certificate, neither PEM nor DER');
  return blocks.map((block) => new X509Certificate(block));
}

function anchorsIn(octets: Uint8Array): readonly X509Certificate[] {
  const anchors = certificatesIn(octets);
  const other = anchors.find(({ ca }) => !ca);
  if (other !== undefined) throw new Error(`${nameOf(other)} is no certificate authority (basicConstraints CA)`);
  return anchors;
}

/** A list of an anchor has to be the anchor's; whoever puts another one here (an indirect one, an intermediate's) vouches for it. */
function listsIn(octets: Uint8Array, anchors: readonly X509Certificate[]): readonly RevocationList[] {
  const lists = readRevocationLists(octets);
  for (const list of lists) {
    const issuers = anchors.filter((anchor) => subjectOf(anchor) === list.issuer);
    if (issuers.length > 0 && !issuers.some(({ publicKey }) => list.isSignedBy(publicKey)))
      throw new Error(`is not signed by ${nameOf(issuers[0] as X509Certificate)}, whose name it has`);
  }
  return lists;
}

/** The subject on one line, for people. */
export function nameOf({ subject }: X509Certificate): string {
  return subject.replaceAll('\n', ', ') || 'a certificate without a subject';
}
