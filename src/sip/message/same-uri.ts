import type { Params } from './params.ts';
import { formatUri, type SipUri, type TelUri, type Uri, unescapeUser } from './uri.ts';

/** RFC 3261 §19.1.4: these never match when only one URI has them. */
const BINDING_PARAMS = ['user', 'ttl', 'method', 'maddr', 'transport'];

/** URI equality: RFC 3261 §19.1.4 for sip and sips, RFC 3966 §4 for tel, octets for any other scheme. */
export function sameUri(a: Uri, b: Uri): boolean {
  if (a.scheme === 'tel') return b.scheme === 'tel' && sameTel(a, b);
  if (a.scheme === 'other' || b.scheme === 'other' || b.scheme === 'tel')
    return a.scheme === b.scheme && formatUri(a) === formatUri(b);
  return sameSip(a, b);
}

function sameSip(a: SipUri, b: SipUri): boolean {
  // §19.1.4: a SIP and a SIPS URI are never equivalent.
  if (a.scheme !== b.scheme) return false;
  // The userinfo is case-sensitive; escaped and plain characters are the same. A port left out is not port 5060.
  if (!sameText(a.user, b.user) || !sameText(a.password, b.password)) return false;
  if (a.host.toLowerCase() !== b.host.toLowerCase() || a.port !== b.port) return false;
  return sameSipParams(a.params, b.params) && sameHeaders(a.headers, b.headers);
}

function sameText(a: string | undefined, b: string | undefined): boolean {
  if (a === b) return true;
  return a !== undefined && b !== undefined && unescapeUser(a) === unescapeUser(b);
}

function sameSipParams(a: Params, b: Params): boolean {
  for (const name of BINDING_PARAMS) if (a.has(name) !== b.has(name)) return false;
  // Any parameter that appears in both must match; one that appears in one only is ignored.
  for (const [name, value] of a.entries()) {
    if (b.has(name) && !sameIgnoringCase(value ?? '', b.get(name) ?? '')) return false;
  }
  return true;
}

function sameIgnoringCase(a: string, b: string): boolean {
  return a === b || unescapeUser(a).toLowerCase() === unescapeUser(b).toLowerCase();
}

/** Header components are never ignored; their order is free. */
function sameHeaders(a: string, b: string): boolean {
  if (a === b) return true;
  const sorted = (text: string): string[] => text.split('&').map(normalHeader).sort();
  const left = sorted(a);
  const right = sorted(b);
  return left.length === right.length && left.every((header, index) => header === right[index]);
}

function normalHeader(text: string): string {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  return `${unescapeUser(name).toLowerCase()}=${equals < 0 ? '' : unescapeUser(text.slice(equals + 1))}`;
}

/** RFC 3966 §4: numbers without visual separators, case-insensitively; the same parameters in any order. */
function sameTel(a: TelUri, b: TelUri): boolean {
  if (plainNumber(a.number) !== plainNumber(b.number) || a.params.size !== b.params.size) return false;
  return a.params
    .entries()
    .every(([name, value]) => b.params.has(name) && sameIgnoringCase(value ?? '', b.params.get(name) ?? ''));
}

function plainNumber(number: string): string {
  let plain = '';
  for (const digit of number) if (!'-.()'.includes(digit)) plain += digit;
  return plain.toLowerCase();
}
