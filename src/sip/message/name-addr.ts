import { PeerError } from '../../base/errors.ts';
import { parseAddressUri } from './address-uri.ts';
import {
  closingQuote,
  endOfAddress,
  findSeparator,
  isSpaceCode,
  isTokenCode,
  quote,
  skipSpace,
  trimEnd,
  unquote,
} from './characters.ts';
import { MAY_REPEAT, type Params, readParam, readParams, scanParams } from './params.ts';
import { isPlainSipUri, plainUserAndHost, type UserAndHost } from './plain-uri.ts';
import { formatUri, type Uri } from './uri.ts';

/** name-addr or addr-spec with header parameters: From, To, Contact, Route, P-Asserted-Identity and their kin (RFC 3261 §20.10). */
export interface NameAddr {
  /** Without quotes and quoted pairs, in octets; undefined when there is none. */
  readonly displayName?: string | undefined;
  readonly uri: Uri;
  readonly params: Params;
}

// Where the parts of the address stand that was located last.
let nameStart = 0;
let nameEnd = 0;
let uriStart = 0;
let uriEnd = 0;
let paramsStart = 0;
let fieldEnd = 0;
let isNameOpen = false;

/** Finds the parts of the name-addr or addr-spec `text[from, to)` without reading them. Throws PeerError SIP_PEER_NAME_ADDR. */
function locate(text: string, from: number, to: number): void {
  fieldEnd = trimEnd(text, from, to);
  let index = skipSpace(text, from, fieldEnd);
  nameStart = nameEnd = index;
  isNameOpen = false;
  if (index < fieldEnd && text.charCodeAt(index) === 0x22) {
    nameEnd = openingBracket(text, index);
    if (nameEnd < 0) throw broken(text, from, 'no "<" after the display name');
    index = nameEnd;
  } else if (index >= fieldEnd || text.charCodeAt(index) !== 0x3c) {
    const open = openingBracket(text, index);
    const semicolon = within(text.indexOf(';', index));
    const colon = within(text.indexOf(':', index));
    // Parameters follow a URI; a semicolon before any colon belongs to a name.
    if (open < 0 || (semicolon >= 0 && semicolon < open && colon < semicolon)) {
      locateAddrSpec(text, index);
      return;
    }
    nameEnd = open;
    index = open;
  }
  const close = text.indexOf('>', index);
  if (close < 0 || close >= fieldEnd) throw broken(text, from, 'no ">" after the URI');
  // DEVIATION: white space inside the angle brackets is passed over, which RFC 4475 §3.1.2 allows.
  uriStart = skipSpace(text, index + 1, close);
  uriEnd = trimEnd(text, uriStart, close);
  paramsStart = close + 1;
}

/**
 * The `<` that begins the URI: the first one outside quotes, or -1. DEVIATION: a name may be quoted in part, as `"Ann" Lee <…>`; and a quote
 * that nothing closes is passed over where just one URI in brackets follows it.
 */
function openingBracket(text: string, start: number): number {
  // Looked for anew only once a quoted part has passed it: of many quotes before it each would look as far.
  let open = within(text.indexOf('<', start));
  for (let index = start; ; ) {
    const quoteAt = open < 0 ? -1 : quoteBefore(text, index, open);
    if (quoteAt < 0) return open;
    const close = closingQuote(text, quoteAt, fieldEnd);
    if (close < 0) {
      if (!isOnlyBracket(text, open)) throw broken(text, start, 'a display name without closing quote');
      isNameOpen = true;
      return open;
    }
    index = close + 1;
    if (index > open) open = within(text.indexOf('<', index));
  }
}

/** Whether no other `<` and just one `>` stand behind the `<` at `open`, in the field. */
function isOnlyBracket(text: string, open: number): boolean {
  const close = within(text.indexOf('>', open));
  return close >= 0 && within(text.indexOf('<', open + 1)) < 0 && within(text.indexOf('>', close + 1)) < 0;
}

/** The first quote in `text[start, end)`, or -1. */
function quoteBefore(text: string, start: number, end: number): number {
  for (let index = start; index < end; index++) if (text.charCodeAt(index) === 0x22) return index;
  return -1;
}

/** A place in the field, or -1: what was found beyond it is another field's. */
function within(index: number): number {
  return index < fieldEnd ? index : -1;
}

/** §20.10: without angle brackets every parameter after the URI is the header field's; the URI has no `;`, `,` or `?`. */
function locateAddrSpec(text: string, start: number): void {
  let index = endOfScheme(text, start);
  for (; index < fieldEnd; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x3b || code === 0x20 || code === 0x09) break;
    if (code === 0x2c || code === 0x3f) throw broken(text, start, 'a "," or "?" in a URI without angle brackets');
  }
  uriStart = start;
  uriEnd = index;
  paramsStart = index;
}

/** Behind a scheme and its colon, with the white space that parseAddressUri passes over; `start` when no scheme stands there. */
function endOfScheme(text: string, start: number): number {
  let index = start;
  while (index < fieldEnd && isLetterCode(text.charCodeAt(index))) index++;
  index = skipSpace(text, index, fieldEnd);
  return index < fieldEnd && text.charCodeAt(index) === 0x3a ? skipSpace(text, index + 1, fieldEnd) : start;
}

/**
 * Reads the name-addr or addr-spec `text[start, end)` with its parameters. Throws PeerError SIP_PEER_NAME_ADDR, SIP_PEER_URI or
 * SIP_PEER_PARAMS.
 */
export function parseNameAddr(text: string, start = 0, end = text.length): NameAddr {
  locate(text, start, end);
  return readLocated(text);
}

/** The same, and throws when a quote of the name is not closed (RFC 4475 §3.1.2.6). */
export function parseClosedNameAddr(text: string, start: number, end: number): NameAddr {
  locate(text, start, end);
  if (isNameOpen) throw broken(text, start, 'a display name without closing quote');
  return readLocated(text);
}

function readLocated(text: string): NameAddr {
  const displayName = nameOf(text, nameStart, nameEnd);
  const uri = parseAddressUri(text.slice(uriStart, uriEnd));
  return { displayName, uri, params: readParams(text, paramsStart, fieldEnd, 'address') };
}

/** The same; undefined when it cannot be read. */
export function readableNameAddr(text: string): NameAddr | undefined {
  try {
    return parseNameAddr(text);
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    return undefined;
  }
}

/**
 * Whether `text[start, end)` is one address and nothing else, with a plain SIP URI ({@link isPlainSipUri}) and no parameter twice: it can
 * be read, and nothing is to be said against it. False says nothing. Throws what {@link parseNameAddr} throws.
 */
export function isPlainAddress(text: string, start: number, end: number): boolean {
  // A list is for who reads its first address alone.
  const comma = text.indexOf(',', start);
  if (comma >= 0 && comma < end) return false;
  locate(text, start, end);
  if (isNameOpen || !isPlainSipUri(text, uriStart, uriEnd)) return false;
  if (nameEnd > nameStart) nameOf(text, nameStart, nameEnd);
  return (scanParams(text, paramsStart, fieldEnd, 'address', PARAMS) & MAY_REPEAT) === 0;
}
const PARAMS = ['tag', 'expires', 'q'];

/** User and host of such an address, as they are written, without reading the rest; undefined says nothing. Throws what it throws. */
export function readUserAndHost(text: string, start: number, end: number): UserAndHost | undefined {
  return isPlainAddress(text, start, end) ? plainUserAndHost(text, uriStart, uriEnd) : undefined;
}

/** The URI of the first address in `text[start, end)`, written as {@link formatUri} writes it; empty when there is none, or it is `*`. */
export function readUriText(text: string, start: number, end: number): string {
  if (end === start || (end - start === 1 && text.charCodeAt(start) === 0x2a)) return '';
  if (isPlainAddress(text, start, end)) return text.slice(uriStart, uriEnd);
  return formatUri(parseFirstAddress(text, start, end).address.uri);
}

/** The first address of a field. */
export interface FirstAddress {
  readonly address: NameAddr;
  /** False when the field lists more. */
  readonly isAlone: boolean;
}

export function parseFirstAddress(source: string, from: number, to: number): FirstAddress {
  const text = source.slice(from, to);
  // §7.3.1: an element of a list may be empty; the field itself is not.
  let start = 0;
  while (text.charCodeAt(start) === 0x2c) start = skipSpace(text, start + 1);
  const end = endOfAddress(text, start);
  return { address: parseNameAddr(text.slice(start, end)), isAlone: end === text.length };
}

/**
 * The tag of the From or To `text[start, end)`, without reading the address; empty when there is none. DEVIATION: an empty tag is none;
 * senders without a tag of their own write one. Throws PeerError SIP_PEER_PARAMS when there are two. The tag of an address that cannot
 * be read is read all the same.
 */
export function readTag(text: string, start = 0, end = text.length): string {
  if (isTagAlone(text, start, end)) return text.slice(tagStart, tagEnd);
  try {
    locate(text, start, end);
    return readParam(text, paramsStart, fieldEnd, 'tag') ?? '';
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
  }
  const params = paramsOf(text.slice(start, end));
  if (params?.hasDuplicates('tag') === true) throw new PeerError('SIP_PEER_PARAMS', 'two tags');
  return params?.get('tag') ?? '';
}

// Where the tag stands that `isTagAlone` found last.
let tagStart = 0;
let tagEnd = 0;

/**
 * Whether nothing but a tag, or nothing at all, follows the first `>`, as in nearly every From and To: whatever stands before it, the tag is
 * that. False says nothing.
 */
function isTagAlone(text: string, start: number, end: number): boolean {
  const first = text.charCodeAt(start);
  // Without a bracket or quote to begin with, there may be parameters before it.
  if (first !== 0x3c && first !== 0x22) return false;
  const close = text.indexOf('>', start);
  if (close < 0 || close >= end) return false;
  tagStart = tagEnd = close + 1;
  if (tagEnd === end) return true;
  if (!text.startsWith(';tag=', tagEnd)) return false;
  tagStart = tagEnd = tagEnd + ';tag='.length;
  while (tagEnd < end && isTokenCode(text.charCodeAt(tagEnd))) tagEnd++;
  return tagEnd === end;
}

/** Throws what {@link readTag} throws, and makes no text of the tag. */
export function checkTag(text: string, start: number, end: number): true {
  if (!isTagAlone(text, start, end) && !hasPlainTag(text, start, end)) readTag(text, start, end);
  return true;
}

/** False says nothing. */
function hasPlainTag(text: string, start: number, end: number): boolean {
  try {
    locate(text, start, end);
    return (scanParams(text, paramsStart, fieldEnd, 'tag', TAG) & MAY_REPEAT) === 0;
  } catch (error) {
    if (error instanceof PeerError) return false;
    throw error;
  }
}
const TAG = ['tag'];

function paramsOf(text: string): Params | undefined {
  try {
    return parseNameAddr(text).params;
  } catch (error) {
    if (error instanceof PeerError) return readTrailingParams(text);
    throw error;
  }
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
 * The display name without quotes and quoted pairs. One in several pieces is read where no piece holds what another reader may take for
 * the address.
 */
function nameOf(text: string, start: number, end: number): string | undefined {
  const last = trimEnd(text, start, end);
  const first = quoteBefore(text, start, last);
  if (first < 0) return unquotedName(text, start, last);
  if (first === start && closingQuote(text, start, last) === last - 1) return unquote(text.slice(start, last));
  let name = '';
  for (let index = start; index < last; ) {
    const isQuoted = text.charCodeAt(index) === 0x22;
    const quoteAt = quoteBefore(text, index, last);
    const close = isQuoted ? closingQuote(text, index, last) : -1;
    // What follows a quote that nothing closes is a piece without quotes.
    const pieceEnd = close >= 0 ? close + 1 : isQuoted || quoteAt < 0 ? last : quoteAt;
    const piece =
      close >= 0 ? unquote(text.slice(index, pieceEnd)) : text.slice(isQuoted ? index + 1 : index, pieceEnd);
    if (piece.includes('<')) throw broken(text, start, 'a "<" in a display name that is quoted in part');
    unquotedName(piece.replaceAll('"', "'"), 0, piece.length);
    name += piece;
    index = pieceEnd;
  }
  return name;
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
      throw broken(text, start, 'an illegal character in the display name');
    if (code === 0x3a && isUriColon(text, index, start, last)) throw broken(text, start, 'a URI in the display name');
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

/** `"Name" <uri>;params`; always with angle brackets. */
export function formatNameAddr(value: NameAddr): string {
  const address = `<${formatUri(value.uri)}>${value.params.size > 0 ? value.params.toString() : ''}`;
  return value.displayName === undefined || value.displayName === ''
    ? address
    : `${quote(value.displayName)} ${address}`;
}

/**
 * An address in angle brackets, so that what follows its URI is the URI's (RFC 3261 §20: one with `?`, `;` or `,` stands in them). For
 * fields whose parameters nobody puts anywhere else, but some write without them: `Record-Route: sip:proxy;lr`.
 */
export function inBrackets(text: string): string {
  return text.includes('<') ? text : `<${text.trim()}>`;
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

function broken(text: string, start: number, found: string): PeerError {
  const shown = JSON.stringify(text.slice(start, start + 80));
  return new PeerError('SIP_PEER_NAME_ADDR', `address ${shown}: found ${found}`);
}
