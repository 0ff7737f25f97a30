import { PeerError } from '../../base/errors.ts';
import { closingQuote, isTokenCode, quote, skipSpace, trimEnd, unquote } from './characters.ts';
import { Params, readParams } from './params.ts';
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
    if (open < 0 || (semicolon >= 0 && semicolon < open)) return parseAddrSpec(text, index, end);
    displayName = tokenName(text, index, open);
    index = open;
  }
  const close = text.indexOf('>', index);
  if (close < 0 || close >= end) throw broken(text, 'no ">" after the URI');
  const uri = parseUri(text.slice(index + 1, close));
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

/** display-name = *(token LWS). DEVIATION: UTF-8 octets and most punctuation are read too; senders leave out the quotes. */
function tokenName(text: string, start: number, end: number): string | undefined {
  const last = trimEnd(text, start, end);
  for (let index = start; index < last; index++) {
    const code = text.charCodeAt(index);
    const readable =
      isTokenCode(code) || code === 0x20 || code === 0x09 || code >= 0x80 || TOLERATED.includes(text[index] as string);
    if (!readable) throw broken(text, 'an illegal character in the display name');
  }
  return last === start ? undefined : text.slice(start, last);
}
const TOLERATED = '#&/()';

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

/** A name-addr built by us. */
export function makeNameAddr(uri: Uri, displayName?: string, params = new Params()): NameAddr {
  return nameAddr(displayName, uri, params);
}

function broken(text: string, found: string): PeerError {
  return new PeerError('SIP_PEER_NAME_ADDR', `address ${JSON.stringify(text.slice(0, 80))}: found ${found}`);
}
