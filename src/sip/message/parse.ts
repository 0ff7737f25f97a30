import { PeerError } from '../../base/errors.ts';
import { decimalAt, isDigitCode, isSpaceCode, isToken, isTokenCode } from './characters.ts';
import type { Spared } from './defect.ts';
import { HeaderId, headerIdAt } from './header-id.ts';
import { MAX_TEXT_LENGTH, putRow } from './header-rows.ts';
import { DEFAULT_LIMITS, type MessageLimits } from './limits.ts';
import { type SipMessage, SipRequest, SipResponse } from './message.ts';
import { methodAt } from './method.ts';
import { reasonPhrase } from './reason-phrase.ts';

/** The rows of the message that is being scanned; the message gets a copy of just its size. */
const rows: number[] = [];

/**
 * Text → message in one forward scan: the start line is split, each header line becomes two integers, nothing else is read.
 *
 * The parser refuses (throws PeerError) only what is no SIP message at all. Whatever can be represented is, and carries its first
 * `defect`; the validator names the response for it. A message with a defect can be answered but never be relayed.
 */
export function parseMessage(text: string, limits: MessageLimits = DEFAULT_LIMITS): SipMessage {
  // §7.5: CRLFs before the start line are ignored, and so is a CR or LF alone, which is nothing else to anybody.
  let start = 0;
  while (text.charCodeAt(start) === 0x0d || text.charCodeAt(start) === 0x0a) start++;
  const lineEnd = text.indexOf('\r\n', start);
  if (text.length > MAX_TEXT_LENGTH)
    throw new PeerError('SIP_PEER_START_LINE', 'a text that is no message of any size');
  if (lineEnd < 0) throw new PeerError('SIP_PEER_START_LINE', 'no line end after the start line');
  const message = parseStartLine(text, start, lineEnd);
  if (text.indexOf('\r', start) !== lineEnd || text.indexOf('\n', start) !== lineEnd + 1)
    note(message, 400, 'Stray Control Character', message.kind === 'response' ? 'ending' : 'nothing');
  const bodyStart = scanHeaders(text, lineEnd + 2, message, limits);
  if (text.length > limits.messageOctets) note(message, 513, 'Message Too Large');
  message.body = bodyOf(text, bodyStart, message);
  return message;
}

/** Keeps the first defect: it names the status. One that spares less counts before one that spares more. */
function note(message: SipMessage, status: number, reason: string, spares: Spared = 'nothing'): void {
  const { defect } = message;
  if (defect === undefined || GRAVITY.indexOf(spares) > GRAVITY.indexOf(defect.spares))
    message.defect = { status, reason, spares };
}
const GRAVITY: readonly Spared[] = ['all', 'ending', 'nothing'];

function parseStartLine(text: string, start: number, end: number): SipMessage {
  if (isVersionAt(text, start)) return parseStatusLine(text, start, end);
  const methodEnd = text.indexOf(' ', start);
  if (methodEnd <= start || methodEnd >= end || !isToken(text, start, methodEnd)) throw notSip(text, start, end);
  const method = methodAt(text, start, methodEnd);
  // DEVIATION: several spaces between the parts, and spaces after the version, are read as RFC 4475 §3.1.2.9 allows.
  const versionEnd = trimSpaces(text, methodEnd, end);
  const versionAt = text.lastIndexOf(' ', versionEnd - 1) + 1;
  const uriStart = skipSpaces(text, methodEnd, versionAt);
  const uriEnd = trimSpaces(text, uriStart, versionAt);
  if (uriEnd > uriStart && isVersionAt(text, versionAt)) {
    const request = new SipRequest(method, text.slice(uriStart, uriEnd), '', 0, text);
    request.version = versionOf(text, versionAt, versionEnd);
    return request;
  }
  // What still looks like SIP is owed a 400.
  const version = text.indexOf(' SIP/', methodEnd);
  if (version < 0 || version >= end) throw notSip(text, start, end);
  const request = new SipRequest(method, text.slice(methodEnd + 1, Math.max(version, methodEnd + 1)), '', 0, text);
  note(request, 400, 'Malformed Request-Line');
  return request;
}

function parseStatusLine(text: string, start: number, end: number): SipMessage {
  const versionEnd = text.indexOf(' ', start);
  if (versionEnd < 0 || versionEnd >= end) throw notSip(text, start, end);
  // DEVIATION: several spaces before the status are read, and no space after it.
  const statusStart = skipSpaces(text, versionEnd, end);
  const reasonStart = statusStart + 3;
  const status = decimalAt(text, statusStart, Math.min(reasonStart, end));
  if (status < 0) throw notSip(text, start, end);
  const usual = reasonPhrase(status);
  const isUsual = end - reasonStart - 1 === usual.length && text.startsWith(usual, reasonStart + 1);
  const isSpaced = reasonStart < end && isSpaceCode(text.charCodeAt(reasonStart));
  const phrase = isUsual ? usual : text.slice(Math.min(isSpaced ? reasonStart + 1 : reasonStart, end), end);
  // A phrase is for people; one that could break a line is left out, and the status counts.
  const response = new SipResponse(status, !isUsual && hasLineBreak(phrase) ? usual : phrase, '', 0, text);
  response.version = versionOf(text, start, versionEnd);
  // §25.1: three digits, one space, then a reason phrase that may be empty. DEVIATION: a tab, or nothing, where that is no digit.
  if (status < 100 || reasonStart > end || isDigitCode(text.charCodeAt(reasonStart)))
    note(response, 400, 'Malformed Status-Line');
  return response;
}

/** Whether a CR, LF or NUL stands in `text`. */
function hasLineBreak(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0 || code === 0x0a || code === 0x0d) return true;
  }
  return false;
}

function skipSpaces(text: string, index: number, end: number): number {
  while (index < end && text.charCodeAt(index) === 0x20) index++;
  return index;
}

function trimSpaces(text: string, start: number, end: number): number {
  while (end > start && text.charCodeAt(end - 1) === 0x20) end--;
  return end;
}

/** `SIP/` in any case: §7.1 compares the version without regard to case. */
function isVersionAt(text: string, at: number): boolean {
  return (
    (text.charCodeAt(at) | 0x20) === 0x73 &&
    (text.charCodeAt(at + 1) | 0x20) === 0x69 &&
    (text.charCodeAt(at + 2) | 0x20) === 0x70 &&
    text.charCodeAt(at + 3) === 0x2f
  );
}

/** The version in upper case, as §7.1 says it MUST be sent. */
function versionOf(text: string, start: number, end: number): string {
  return end - start === 7 && text.startsWith('2.0', start + 4) ? 'SIP/2.0' : text.slice(start, end);
}

/**
 * Reads header lines from `pos`; returns where the body starts. Each line costs one search for CR and one for LF: they stand side by
 * side at a line end, and a CR or LF anywhere else could end a line for the next reader. A line with one is left out.
 */
function scanHeaders(text: string, pos: number, message: SipMessage, limits: MessageLimits): number {
  const first = pos;
  let lineStart = pos;
  let count = 0;
  let isStray = false;
  for (;;) {
    let lineEnd = text.indexOf('\r', pos);
    if (lineEnd < 0 || text.indexOf('\n', pos) !== lineEnd + 1) {
      lineEnd = text.indexOf('\r\n', pos);
      isStray = true;
    }
    if (lineEnd < 0) {
      // Without a CR or LF before it, the text just ends.
      if (text.indexOf('\r', pos) >= 0 || text.indexOf('\n', pos) >= 0) note(message, 400, 'Stray Control Character');
      // DEVIATION: devices end what has no body with its last field.
      note(message, 400, 'No Empty Line After Header Fields', 'ending');
      checkNul(text, first, text.length, message);
      message.setReceived(rows, count);
      return text.length;
    }
    if (lineEnd === lineStart) break;
    pos = lineEnd + 2;
    const next = text.charCodeAt(pos);
    if (next === 0x20 || next === 0x09) {
      // §7.3.1: a line that starts with white space continues the one before.
      message.markIrregular();
      continue;
    }
    if (isStray) noteStray(text, lineStart, lineEnd, message);
    else count = scanLine(text, lineStart, lineEnd, count, message, limits);
    isStray = false;
    lineStart = pos;
  }
  message.setReceived(rows, count);
  checkNul(text, first, lineStart, message);
  return lineStart + 2;
}

/**
 * A line with a CR or LF in it is left out. What needs few fields goes on without it, unless it is one of those few, or says where the
 * message ends.
 */
function noteStray(text: string, start: number, end: number, message: SipMessage): void {
  let nameEnd = start;
  while (nameEnd < end && isTokenCode(text.charCodeAt(nameEnd))) nameEnd++;
  note(message, 400, 'Stray Control Character', NEEDED.has(headerIdAt(text, start, nameEnd)) ? 'nothing' : 'ending');
}
const NEEDED: ReadonlySet<HeaderId> = new Set([
  HeaderId.Via,
  HeaderId.From,
  HeaderId.To,
  HeaderId.CallId,
  HeaderId.CSeq,
  HeaderId.ContentLength,
]);

/** Notes a line as the next row and returns how many there are. */
function scanLine(
  text: string,
  start: number,
  end: number,
  count: number,
  message: SipMessage,
  limits: MessageLimits,
): number {
  const colon = colonAt(text, start, end, message);
  let nameEnd = colon < 0 || colon > end ? start : colon;
  // §25.1 HCOLON: white space may stand before the colon.
  while (nameEnd > start && (text.charCodeAt(nameEnd - 1) === 0x20 || text.charCodeAt(nameEnd - 1) === 0x09)) nameEnd--;
  const id = headerIdAt(text, start, nameEnd);
  // A line without a colon is no field of any name, but the rest of a value that had a line end in it.
  if (id === HeaderId.Other && !isToken(text, start, nameEnd))
    note(
      message,
      400,
      'Malformed Header Field',
      nameEnd === start && text.charCodeAt(start) !== 0x3a ? 'all' : 'ending',
    );
  else if (end - start > limits.lineOctets) note(message, 400, 'Header Field Too Long', 'ending');
  else if (count >= limits.headerCount) note(message, 400, 'Too Many Header Fields', 'ending');
  else {
    putRow(rows, count, id, start, colon, end);
    return count + 1;
  }
  return count;
}

/** The first colon, perhaps beyond the line. After a defect only the line is searched: thousands of lines without colon must not search the rest each. */
function colonAt(text: string, start: number, end: number, message: SipMessage): number {
  if (message.defect === undefined) return text.indexOf(':', start);
  let at = start;
  while (at < end && text.charCodeAt(at) !== 0x3a) at++;
  return at < end ? at : -1;
}

/**
 * A NUL is read as a space and never sent on. §25.1 allows it in a quoted pair (RFC 4475 §3.1.1.2); anywhere else it is an error, a mild
 * one outside a Request-Line.
 */
function checkNul(text: string, firstLine: number, end: number, message: SipMessage): void {
  let at = text.indexOf('\0');
  if (at < 0 || at >= end) return;
  const mildFrom = message.kind === 'response' ? 0 : firstLine;
  for (; at >= 0 && at < end; at = text.indexOf('\0', at + 1)) {
    message.markUnsafe();
    const isMild = at >= mildFrom;
    if (!isMild || text.charCodeAt(at - 1) !== 0x5c)
      note(message, 400, 'Stray Control Character', isMild ? 'ending' : 'nothing');
  }
}

/**
 * §18.3: Content-Length ends the body; octets beyond it are dropped, fewer octets than it says are an error. DEVIATION: not of answers and what
 * ends a call: gateways that change addresses in a body forget its length, and of a datagram that was cut nothing arrives.
 */
function bodyOf(text: string, start: number, message: SipMessage): string {
  const length = message.headers.decimal(HeaderId.ContentLength);
  if (length === undefined) return start === text.length ? '' : text.slice(start);
  if (message.headers.conflicts(HeaderId.ContentLength)) note(message, 400, 'Several Content-Length Header Fields');
  if (length < 0) {
    // Over a stream the framer has refused it. A datagram ends where it ends.
    note(message, 400, 'Malformed Content-Length', 'ending');
    return text.slice(start);
  }
  if (start + length > text.length) note(message, 400, 'Body Shorter Than Content-Length', 'ending');
  return text.slice(start, start + length);
}

function notSip(text: string, start: number, end: number): PeerError {
  return new PeerError(
    'SIP_PEER_START_LINE',
    `no SIP start line: ${JSON.stringify(text.slice(start, Math.min(end, start + 60)))}`,
  );
}
