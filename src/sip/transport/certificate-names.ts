import { isIP } from 'node:net';
import type { PeerCertificate } from 'node:tls';

/**
 * SIP identities in certificates (RFC 5922 §7.1, §7.2).
 *
 * What counts: `sip:` URIs without a user part in subjectAltName; DNS names only if there is no such URI; the CN only if there is no
 * subjectAltName at all. Names are compared whole and without regard to case; wildcards match nothing but themselves.
 */

/** What a peer's certificate proved. */
export interface TlsFacts {
  /** The chain leads to a trust anchor and is in its time of validity. */
  readonly verified: boolean;
  /** SIP identities, lower case; empty unless verified. */
  readonly names: readonly string[];
}

export interface CertificateNames {
  /** SIP domain identities, lower case. */
  readonly domains: readonly string[];
  /** iPAddress entries; no SIP identity, but the only name that an IP literal as configured host can have. */
  readonly addresses: readonly string[];
}

type NamedCertificate = Pick<PeerCertificate, 'subjectaltname' | 'subject'>;

export function certificateNames(certificate: NamedCertificate): CertificateNames {
  const uris: string[] = [];
  const dns: string[] = [];
  const addresses: string[] = [];
  const alternativeNames = certificate.subjectaltname;
  for (const entry of splitAlternativeNames(alternativeNames ?? '')) {
    const colon = entry.indexOf(':');
    const type = entry.slice(0, colon);
    const value = entry.slice(colon + 1);
    if (type === 'URI') {
      const domain = domainOfUri(value);
      if (domain !== undefined) uris.push(domain);
    } else if (type === 'DNS') dns.push(withoutRootDot(value.toLowerCase()));
    else if (type === 'IP Address') addresses.push(canonicalAddress(value));
  }
  // §7.1: a DNS name counts if and only if no "sip" URI does.
  if (uris.length > 0) return { domains: uris, addresses };
  if (alternativeNames !== undefined) return { domains: dns, addresses };
  return { domains: commonNames(certificate), addresses };
}

/** RFC 5922 §7.2, §7.3: does the certificate speak for the name that was looked up? */
export function certificateMatches(certificate: NamedCertificate, name: string, allowWildcard: boolean): boolean {
  const { domains, addresses } = certificateNames(certificate);
  if (isIP(name) !== 0) return addresses.includes(canonicalAddress(name)) || domains.includes(canonicalAddress(name));
  const wanted = withoutRootDot(name.toLowerCase());
  if (domains.includes(wanted)) return true;
  if (!allowWildcard) return false;
  const dot = wanted.indexOf('.');
  // One whole label, and never the one below the top: `*.com` stands for nothing.
  return dot > 0 && wanted.indexOf('.', dot + 1) > 0 && domains.includes(`*${wanted.slice(dot)}`);
}

/**
 * Node joins the entries with ", " and writes an entry as a JSON string when it holds a comma or a quote, so that an entry cannot
 * pass for two.
 */
function splitAlternativeNames(text: string): string[] {
  const entries: string[] = [];
  let start = 0;
  let quoted = false;
  for (let index = 0; index <= text.length; index++) {
    const char = text[index];
    if (quoted && char === '\\') index++;
    else if (char === '"') quoted = !quoted;
    else if ((char === ',' && !quoted) || index === text.length) {
      const entry = unquote(text.slice(start, index).trim());
      if (entry !== undefined) entries.push(entry);
      start = index + 1;
    }
  }
  return entries;
}

function unquote(entry: string): string | undefined {
  const quote = entry.indexOf('"');
  if (quote < 0) return entry.length > 0 ? entry : undefined;
  try {
    const value: unknown = JSON.parse(entry.slice(quote));
    return typeof value === 'string' ? entry.slice(0, quote) + value : undefined;
  } catch {
    return undefined;
  }
}

/** §7.1: the host of a `sip:` URI without a user part; undefined for any other URI. */
function domainOfUri(uri: string): string | undefined {
  if (uri.slice(0, 4).toLowerCase() !== 'sip:' || uri.includes('@')) return undefined;
  const rest = uri.slice(4);
  if (rest.startsWith('[')) return canonicalAddress(rest.slice(1, rest.indexOf(']')));
  let end = 0;
  while (end < rest.length && !':;?/'.includes(rest[end] as string)) end++;
  return end > 0 ? withoutRootDot(rest.slice(0, end).toLowerCase()) : undefined;
}

function commonNames(certificate: NamedCertificate): string[] {
  const commonName: unknown = certificate.subject?.CN;
  const names = Array.isArray(commonName) ? commonName : [commonName];
  return names.filter(isDnsName).map((name) => withoutRootDot(name.toLowerCase()));
}

function isDnsName(name: unknown): name is string {
  return typeof name === 'string' && name.includes('.') && !name.includes(' ') && !name.includes('@');
}

function withoutRootDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/** IPv6 has many spellings; the URL parser knows the canonical one. */
function canonicalAddress(text: string): string {
  const address = text.toLowerCase();
  if (isIP(address) !== 6) return address;
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}
