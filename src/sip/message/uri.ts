import { PeerError } from '../../base/errors.ts';
import {
  decimalAt,
  isDigitCode,
  isHexCode,
  isHostCode,
  isParamCode,
  isSpaceCode,
  isTokenCode,
  isUserCode,
} from './characters.ts';
import { gathering, nameAt, type Params } from './params.ts';

/** A SIP or SIPS URI (RFC 3261 §19.1). Texts are as written, escapes included; what the grammar wants escaped is escaped. */
export interface SipUri {
  readonly scheme: 'sip' | 'sips';
  /** As written, escaped; undefined when there is no user part. See {@link unescapeUser}. */
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Host name or address as written; an IPv6 address without its brackets. */
  readonly host: string;
  readonly port?: number | undefined;
  readonly params: Params;
  /** What follows the question mark, as written; empty when there is none. */
  readonly headers: string;
}

/** A tel URI (RFC 3966). */
export interface TelUri {
  readonly scheme: 'tel';
  /** As written, visual separators included. */
  readonly number: string;
  readonly params: Params;
}

/** A URI of a scheme this engine does not route by; relayed as it is, refused in a Request-URI (416). */
export interface OtherUri {
  readonly scheme: 'other';
  /** The scheme's own name in lower case, e.g. `http`. */
  readonly name: string;
  /** The whole URI. */
  readonly text: string;
}

export type Uri = SipUri | TelUri | OtherUri;

export function isSipUri(uri: Uri): uri is SipUri {
  return uri.scheme === 'sip' || uri.scheme === 'sips';
}

/** Reads a URI without angle brackets. Throws PeerError SIP_PEER_URI. */
export function parseUri(text: string): Uri {
  const colon = schemeEnd(text);
  const scheme = text.slice(0, colon).toLowerCase();
  if (scheme === 'sip' || scheme === 'sips') return parseSipUri(text, colon + 1, scheme);
  if (scheme === 'tel') return parseTelUri(text, colon + 1);
  for (let index = colon + 1; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code <= 0x20 || code === 0x22 || code === 0x3c || code === 0x3e || code === 0x7f)
      throw broken(text, 'an illegal character');
  }
  if (colon + 1 === text.length) throw broken(text, 'nothing after the scheme');
  return { scheme: 'other', name: scheme, text };
}

function schemeEnd(text: string): number {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x3a && index > 0) return index;
    const letter = code | 0x20;
    const isLetter = letter >= 0x61 && letter <= 0x7a;
    // RFC 3986 §3.1: a letter, then letters, digits, '+', '-' and '.'.
    if (!isLetter && (index === 0 || !(isDigitCode(code) || code === 0x2b || code === 0x2d || code === 0x2e))) break;
  }
  throw broken(text, 'no scheme');
}

function parseSipUri(text: string, start: number, scheme: 'sip' | 'sips'): SipUri {
  const at = text.indexOf('@', start);
  let user: string | undefined;
  let password: string | undefined;
  let index = start;
  if (at >= 0) {
    const colon = endOfUser(text, start, at);
    // DEVIATION: carriers write `sip:@host` (`sip::@host`) for an anonymous caller; it is the same as `sip:host`.
    if (start < at && colon !== start) {
      user = escaped(text, start, colon < 0 ? at : colon);
      if (colon >= 0) password = escaped(text, colon + 1, at);
    }
    index = at + 1;
  }
  const hostEnd = endOfHost(text, index);
  const bracketed = text.charCodeAt(index) === 0x5b;
  const host = bracketed ? text.slice(index + 1, hostEnd - 1) : text.slice(index, hostEnd);
  index = hostEnd;
  let port: number | undefined;
  if (text.charCodeAt(index) === 0x3a) {
    const portStart = index + 1;
    for (index = portStart; isDigitCode(text.charCodeAt(index)); index++);
    // RFC 3986 §3.2.3: an empty port is none.
    if (index > portStart) port = decimalAt(text, portStart, index);
    if (port !== undefined && (port < 0 || port > 65_535)) throw broken(text, 'a port that is no number up to 65535');
  }
  index = gatherParams(text, index);
  const params = gathering.take('uri');
  const headers = index < text.length ? uriHeaders(text, index) : '';
  return sipUri(scheme, user, password, host, port, params, headers);
}

function sipUri(
  scheme: 'sip' | 'sips',
  user: string | undefined,
  password: string | undefined,
  host: string,
  port: number | undefined,
  params: Params,
  headers: string,
): SipUri {
  // One literal with every field keeps all URIs of one shape, whatever parts they have.
  return { scheme, user, password, host, port, params, headers };
}

/** Checks `text[start, end)` as userinfo; returns the index of the colon before the password, or -1. */
function endOfUser(text: string, start: number, end: number): number {
  let colon = -1;
  for (let index = start; index < end; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x3a && colon < 0) colon = index;
    else if (!isUserCode(code) && code !== 0x25 && !isUnescaped(code))
      throw broken(text, 'an illegal character in the user part');
  }
  if (colon === start && end > start + 1) throw broken(text, 'an empty user part');
  return colon;
}

/** DEVIATION: octets that phones put into user parts without escaping them: UTF-8, and brackets and the like. */
const isUnescaped = (code: number): boolean => code >= 0x80 || UNESCAPED.includes(String.fromCharCode(code));
const UNESCAPED = '[]{}|^\\`';

/** `text[start, end)` of a userinfo with everything escaped that the grammar wants escaped; a lone `%` stands for itself. */
function escaped(text: string, start: number, end: number): string {
  let result = '';
  let runStart = start;
  for (let index = start; index < end; index++) {
    const code = text.charCodeAt(index);
    if (isUserCode(code) || (code === 0x25 && isEscape(text, index, end))) continue;
    result += text.slice(runStart, index) + escapeOf(code);
    runStart = index + 1;
  }
  return runStart === start ? text.slice(start, end) : result + text.slice(runStart, end);
}

/** Of each octet: a hostile user part has tens of thousands. */
const ESCAPES: readonly string[] = Array.from(
  { length: 256 },
  (_, code) => `%${code.toString(16).padStart(2, '0').toUpperCase()}`,
);

function escapeOf(code: number): string {
  return ESCAPES[code] ?? `%${code.toString(16).toUpperCase()}`;
}

function isEscape(text: string, index: number, end: number): boolean {
  return index + 2 < end && isHexCode(text.charCodeAt(index + 1)) && isHexCode(text.charCodeAt(index + 2));
}

function checkEscape(text: string, index: number, end: number): void {
  if (isEscape(text, index, end)) return;
  throw broken(text, 'a percent sign without two hexadecimal digits');
}

/** End of the host that starts at `start`; brackets included. */
export function endOfHost(text: string, start: number, end = text.length): number {
  if (text.charCodeAt(start) === 0x5b) {
    const close = text.indexOf(']', start);
    if (close < 0 || close >= end || !isIpv6(text, start + 1, close))
      throw broken(text, 'no IPv6 address in brackets', start);
    return close + 1;
  }
  let index = start;
  while (index < end && isHostCode(text.charCodeAt(index))) index++;
  if (index === start) throw broken(text, 'no host', start);
  return index;
}

/** End of the IPv6 address that `text[start, end)` begins with, without brackets, before white space or a semicolon; -1 when there is none. */
export function endOfBareIpv6(text: string, start: number, end: number): number {
  let index = start;
  while (index < end && text.charCodeAt(index) !== 0x3b && !isSpaceCode(text.charCodeAt(index))) index++;
  return isIpv6(text, start, index) ? index : -1;
}

/**
 * Hexadecimal groups, colons and a dotted tail: enough to keep anything else out; the resolver checks the rest. DEVIATION: a zone
 * (`fe80::1%eth0`, RFC 4007 §11) means something to its host alone, and phones on link-local addresses write it.
 */
function isIpv6(text: string, start: number, end: number): boolean {
  let colons = 0;
  let index = start;
  for (; index < end; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x3a) colons++;
    else if (code === 0x25) break;
    else if (!isHexCode(code) && code !== 0x2e) return false;
  }
  return colons >= 2 && colons <= 8 && index - start <= 45 && (index === end || isZone(text, index + 1, end));
}

/** What RFC 6874 §2 allows without escapes; its `%25` before the zone is the first two characters of one here. */
function isZone(text: string, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    const code = text.charCodeAt(index);
    if (!isHostCode(code) && code !== 0x7e) return false;
  }
  return end > start && end - start <= MAX_ZONE_LENGTH;
}
const MAX_ZONE_LENGTH = 32;

/** Gathers the parameters that start at `index`; returns where they end. */
function gatherParams(text: string, index: number): number {
  gathering.start();
  while (index < text.length && text.charCodeAt(index) === 0x3b) {
    // DEVIATION: an empty parameter (`;;`, or a `;` at the end) says nothing; phones write it.
    let nameStart = index + 1;
    while (text.charCodeAt(nameStart) === 0x3b) nameStart++;
    index = endOfParamText(text, nameStart);
    if (index === nameStart && (index === text.length || text.charCodeAt(index) === 0x3f)) break;
    if (index === nameStart) throw broken(text, 'an empty parameter name');
    const name = nameAt(text, nameStart, index);
    if (text.charCodeAt(index) !== 0x3d) {
      gathering.add(name, undefined);
      continue;
    }
    const valueStart = index + 1;
    index = endOfParamValue(text, valueStart);
    gathering.add(name, text.slice(valueStart, index));
  }
  return index;
}

function endOfParamText(text: string, index: number): number {
  for (; index < text.length; index++) {
    const code = text.charCodeAt(index);
    // DEVIATION: UTF-8 octets are read unescaped, as they come, and a lone `%` stands for itself.
    if (!isParamCode(code) && !isTokenCode(code) && code < 0x80 && code !== 0x25) break;
  }
  return index;
}

/**
 * DEVIATION: a value goes on to the next `;` or `?`, since what devices put there is often not escaped: `=` behind base64, a lone `%`, an
 * address, a list, a quoted string. White space, quotes that are left open, angle brackets and controls end no value; they are refused.
 */
function endOfParamValue(text: string, start: number): number {
  if (text.charCodeAt(start) === 0x22) {
    const close = text.indexOf('"', start + 1);
    for (let index = start + 1; index < close; index++) if (!isValueText(text.charCodeAt(index))) return start;
    return close < 0 ? start : close + 1;
  }
  let index = start;
  for (; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x3b || code === 0x3f || code === 0x22 || !isValueText(code)) break;
  }
  return index;
}

/** Nothing that ends a URI in a field or a Request-Line. */
const isValueText = (code: number): boolean => code > 0x20 && code !== 0x3c && code !== 0x3e && code !== 0x7f;

function uriHeaders(text: string, index: number): string {
  if (text.charCodeAt(index) !== 0x3f) throw broken(text, 'an illegal character after the host');
  for (let at = index + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x25) checkEscape(text, at, text.length);
    else if (code <= 0x20 || code === 0x7f || code === 0x22 || code === 0x3c || code === 0x3e)
      throw broken(text, 'an illegal character in the headers part');
  }
  return text.slice(index + 1);
}

function parseTelUri(text: string, start: number): TelUri {
  let index = start;
  let digits = 0;
  for (; index < text.length; index++) {
    const code = text.charCodeAt(index);
    // RFC 3966 §3: digits, visual separators, and in local numbers also '*', '#' and hexadecimal digits.
    if (isHexCode(code) || code === 0x2a || code === 0x23) digits++;
    else if (!(code === 0x2b && index === start) && code !== 0x2d && code !== 0x2e && code !== 0x28 && code !== 0x29)
      break;
  }
  if (digits === 0) throw broken(text, 'no telephone number');
  if (gatherParams(text, index) !== text.length) throw broken(text, 'an illegal character in the number');
  return { scheme: 'tel', number: text.slice(start, index), params: gathering.take('uri') };
}

export function formatUri(uri: Uri): string {
  if (uri.scheme === 'other') return uri.text;
  if (uri.scheme === 'tel') return `tel:${uri.number}${uri.params}`;
  let text = `${uri.scheme}:`;
  if (uri.user !== undefined) text += uri.password === undefined ? `${uri.user}@` : `${uri.user}:${uri.password}@`;
  text += formatHost(uri.host);
  if (uri.port !== undefined) text += `:${uri.port}`;
  if (uri.params.size > 0) text += uri.params.toString();
  return uri.headers === '' ? text : `${text}?${uri.headers}`;
}

/** The parameter of a `sip` URI that names a transport; without one it means UDP (RFC 3261 §19.1.2). */
export function transportParameter(transport: string): string {
  return transport === 'udp' ? '' : `;transport=${transport}`;
}

/** A host as it stands in URIs and Via: an IPv6 address in brackets. */
export function formatHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** Any octets → a user part: those outside the grammar are percent-escaped, `%` too (§19.1.2). What is a text goes through octetsFromText first. */
export function escapeUser(octets: string): string {
  let result = '';
  let runStart = 0;
  for (let index = 0; index < octets.length; index++) {
    const code = octets.charCodeAt(index);
    // '#' is read leniently and written strictly.
    if (isUserCode(code) && code !== 0x23) continue;
    result += octets.slice(runStart, index) + escapeOf(code);
    runStart = index + 1;
  }
  return runStart === 0 ? octets : result + octets.slice(runStart);
}

/** What a hexadecimal digit stands for. */
function hexValue(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code & 0x0f) + 9;
}

/** A user part → its octets: each `%hh` becomes the octet it stands for; anything else stays. */
export function unescapeUser(user: string): string {
  if (!user.includes('%')) return user;
  let result = '';
  let runStart = 0;
  for (let index = user.indexOf('%'); index >= 0; index = user.indexOf('%', index)) {
    const [high, low] = [user.charCodeAt(index + 1), user.charCodeAt(index + 2)];
    if (isHexCode(high) && isHexCode(low)) {
      result += user.slice(runStart, index) + String.fromCharCode(16 * hexValue(high) + hexValue(low));
      index += 3;
      runStart = index;
    } else index++;
  }
  return result + user.slice(runStart);
}

/** `text` may be that of a whole message; then `start` is where it matters. */
function broken(text: string, found: string, start = 0): PeerError {
  const shown = JSON.stringify(text.slice(start, start + 80));
  return new PeerError('SIP_PEER_URI', `URI ${shown}: found ${found}`);
}

/** RFC 5031 §4.2: the emergency service, or one of its sub-services (`urn:service:sos.police`). */
const EMERGENCY_SERVICE = /^urn:service:sos(?:\.[a-z0-9](?:[a-z0-9-]{0,25}[a-z0-9])?){0,8}$/i;

export function isEmergencyService(uri: Uri): boolean {
  return uri.scheme === 'other' && EMERGENCY_SERVICE.test(uri.text);
}
