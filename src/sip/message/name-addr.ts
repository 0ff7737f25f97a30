import { PeerError } from '../../base/errors.ts';
import { closingQuote, findSeparator, isSpaceCode, quote, skipSpace, trimEnd, unquote } from './characters.ts';
import { type Params, readParams } from './params.ts';
import { formatUri, parseUri, type Uri } from './uri.ts';

/** name-addr or addr-spec with header parameters: From, To, Contact, Route, P-Asserted-Identity and their kin (RFC 3261 §20.10). */
export interface NameAddr {
  /** Without quotes and quoted pairs, in octets; undefined when there is none. */
  readonly displayName?: string | undefined;
  readonly uri: Uri;
  readonly params: Params;
}

/** Reads one name-addr or addr-spec with its parameters. Throws PeerError SIP_PEER_NAME_ADDR, SIP_PEER_URI or SIP_PEER_PARAMS. */
export function parseNameAddr(text: string): NameAddr {
  const end = trimEnd(text, 0, text.length);
  let index = skipSpace(text, 0, end);
  let displayName: string | undefined;
  if (text.charCodeAt(index) === 0x22) {
    const close = closingQuote(text, index, end);
    if (close < 0) throw broken(text, 'a display name without closing quote');
    displayName = unquote(text.slice(index, close + 1));
    index = skipSpace(text, close + 1, end);
    if (text.charCodeAt(index) !== 0x3c) throw broken(text, 'no "<" after the display name');
  } else if (text.charCodeAt(index) !== 0x3c) {
    const open = text.indexOf('<', index);
    const semicolon = text.indexOf(';', index);
    const colon = text.indexOf(':', index);
    // Parameters follow a URI; a semicolon before any colon belongs to a name.
    if (open < 0 || (semicolon >= 0 && semicolon < open && colon < semicolon)) return parseAddrSpec(text, index, end);
    displayName = unquotedName(text, index, open);
    index = open;
  }
  const close = text.indexOf('>', index);
  if (close < 0 || close >= end) throw broken(text, 'no ">" after the URI');
  // DEVIATION: white space inside the angle brackets is passed over, which RFC 4475 §3.1.2 allows.
  const uriStart = skipSpace(text, index + 1, close);
  const uri = parseUri(text.slice(uriStart, trimEnd(text, uriStart, close)));
  return nameAddr(displayName, uri, readParams(text, close + 1, end, 'name-addr'));
}

/** §20.10: without angle brackets every parameter after the URI is the header field's; the URI has no `;`, `,` or `?`. */
function parseAddrSpec(text: string, start: number, end: number): NameAddr {
  let index = start;
  for (; index < end; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x3b || code === 0x20 || code === 0x09) break;
    if (code === 0x2c || code === 0x3f) throw broken(text, 'a "," or "?" in a URI without angle brackets');
  }
  return nameAddr(undefined, parseUri(text.slice(start, index)), readParams(text, index, end, 'addr-spec'));
}

/**
 * The parameters after an address that cannot be read itself, so that its tag or expiry is known all the same: those after the last
 * `>`, or after the first semicolon. Undefined when they cannot be read either.
 */
export function readTrailingParams(text: string): Params | undefined {
  const close = text.lastIndexOf('>');
  const start = close >= 0 ? close + 1 : findSeparator(text, 0x3b, 0);
  try {
    return readParams(text, start, trimEnd(text, start, text.length), 'address');
  } catch (error) {
    if (error instanceof PeerError) return undefined;
    throw error;
  }
}

/**
 * display-name = *(token LWS). DEVIATION: what people leave unquoted is read too, as RFC 4475 §3.1.2.15 allows: UTF-8 octets and every
 * punctuation mark but quotes and angle brackets. A name that holds what another reader may take for the URI is refused.
 */
function unquotedName(text: string, start: number, end: number): string | undefined {
  const last = trimEnd(text, start, end);
  for (let index = start; index < last; index++) {
    const code = text.charCodeAt(index);
    if ((code < 0x20 && !isSpaceCode(code)) || code === 0x7f || code === 0x22 || code === 0x3e)
      throw broken(text, 'an illegal character in the display name');
    if (code === 0x3a && isUriColon(text, index, start, last)) throw broken(text, 'a URI in the display name');
  }
  return last === start ? undefined : text.slice(start, last);
}

/** Whether the colon at `colon` ends the scheme of a URI that could be meant: `sip:101`, but not `Tel: 101`. */
function isUriColon(text: string, colon: number, start: number, end: number): boolean {
  if (colon + 1 >= end || isSpaceCode(text.charCodeAt(colon + 1))) return false;
  let index = colon;
  while (index > start && isLetterCode(text.charCodeAt(index - 1))) index--;
  return SCHEMES.has(text.slice(index, colon).toLowerCase());
}
const SCHEMES = new Set(['sip', 'sips', 'tel']);
const isLetterCode = (code: number): boolean => (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;

function nameAddr(displayName: string | undefined, uri: Uri, params: Params): NameAddr {
  return { displayName, uri, params };
}

/** `"Name" <uri>;params`; always with angle brackets. */
export function formatNameAddr(value: NameAddr): string {
  const address = `<${formatUri(value.uri)}>${value.params.size > 0 ? value.params.toString() : ''}`;
  return value.displayName === undefined || value.displayName === ''
    ? address
    : `${quote(value.displayName)} ${address}`;
}

/** An address as it is written, without a tag that is empty: its sender has none, and none is repeated to it. */
export function withoutEmptyTag(text: string): string {
  // Every address with a tag comes past here.
  if (!text.includes('=;') && !text.endsWith('=')) return text;
  try {
    const address = parseNameAddr(text);
    if (address.params.get('tag') !== '') return text;
    const params = address.params.clone();
    params.delete('tag');
    return formatNameAddr({ ...address, params });
  } catch (error) {
    if (error instanceof PeerError) return text;
    throw error;
  }
}

function broken(text: string, found: string): PeerError {
  return new PeerError('SIP_PEER_NAME_ADDR', `address ${JSON.stringify(text.slice(0, 80))}: found ${found}`);
}
