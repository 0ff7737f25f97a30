import { PeerError } from '../../base/errors.ts';
import { decimalAt, isToken, isTokenCode } from './characters.ts';
import { HeaderId, headerIdAt } from './header-id.ts';
import { Headers } from './headers.ts';
import { DEFAULT_LIMITS, type MessageLimits } from './limits.ts';
import { type SipMessage, SipRequest, SipResponse } from './message.ts';

/**
 * Text → message in one forward scan: the start line is split, each header line becomes four integers, nothing else is read.
 *
 * The parser refuses (throws PeerError) only what is no SIP message at all. Whatever can be represented is, and carries its first
 * `defect`; the validator names the response for it. A message with a defect can be answered but never be relayed.
 */
export function parseMessage(text: string, limits: MessageLimits = DEFAULT_LIMITS): SipMessage {
  // §7.5: CRLFs before the start line are ignored.
  let start = 0;
  while (text.charCodeAt(start) === 0x0d && text.charCodeAt(start + 1) === 0x0a) start += 2;
  const lineEnd = text.indexOf('\r\n', start);
  if (lineEnd < 0) throw new PeerError('SIP_PEER_START_LINE', 'no line end after the start line');
  const headers = new Headers(text);
  const message = parseStartLine(text, start, lineEnd, headers);
  const bodyStart = scanHeaders(text, lineEnd + 2, headers, message, limits);
  if (text.length > limits.messageOctets) note(message, 513, 'Message Too Large');
  message.body = bodyOf(text, bodyStart, message);
  message.received = { text, bodyStart, body: message.body };
  return message;
}

/** Keeps the first defect: it names the status. */
function note(message: SipMessage, status: number, reason: string): void {
  message.defect ??= { status, reason };
}

function parseStartLine(text: string, start: number, end: number, headers: Headers): SipMessage {
  if (isVersionAt(text, start)) return parseStatusLine(text, start, end, headers);
  const methodEnd = text.indexOf(' ', start);
  if (methodEnd <= start || methodEnd >= end || !isToken(text, start, methodEnd)) throw notSip(text, start, end);
  const method = text.slice(start, methodEnd);
  const uriEnd = text.lastIndexOf(' ', end - 1);
  if (uriEnd > methodEnd && isVersionAt(text, uriEnd + 1)) {
    const request = new SipRequest(method, text.slice(methodEnd + 1, uriEnd), headers);
    request.version = versionOf(text, uriEnd + 1, end);
    return request;
  }
  // §7.1 and §25.1: single spaces between the parts and none after the version. What still looks like SIP is owed a 400.
  const version = text.indexOf(' SIP/', methodEnd);
  if (version < 0 || version >= end) throw notSip(text, start, end);
  const request = new SipRequest(method, text.slice(methodEnd + 1, Math.max(version, methodEnd + 1)), headers);
  note(request, 400, 'Malformed Request-Line');
  return request;
}

function parseStatusLine(text: string, start: number, end: number, headers: Headers): SipMessage {
  const versionEnd = text.indexOf(' ', start);
  if (versionEnd < 0 || versionEnd >= end) throw notSip(text, start, end);
  const reasonStart = versionEnd + 4;
  const status = decimalAt(text, versionEnd + 1, Math.min(reasonStart, end));
  if (status < 0) throw notSip(text, start, end);
  const response = new SipResponse(status, text.slice(Math.min(reasonStart + 1, end), end), headers);
  response.version = versionOf(text, start, versionEnd);
  // §25.1: three digits, one space, then a reason phrase that may be empty.
  if (status < 100 || reasonStart > end || text.charCodeAt(reasonStart) !== 0x20)
    note(response, 400, 'Malformed Status-Line');
  return response;
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

/** Reads header lines from `pos`; returns where the body starts. */
function scanHeaders(text: string, pos: number, headers: Headers, message: SipMessage, limits: MessageLimits): number {
  for (;;) {
    let lineEnd = text.indexOf('\r\n', pos);
    if (lineEnd === pos) break;
    if (lineEnd < 0) return endWithoutEmptyLine(text, headers, message);
    // §7.3.1: a line that starts with white space continues the one before.
    let next = text.charCodeAt(lineEnd + 2);
    while (next === 0x20 || next === 0x09) {
      headers.markIrregular();
      lineEnd = text.indexOf('\r\n', lineEnd + 2);
      if (lineEnd < 0) return endWithoutEmptyLine(text, headers, message);
      next = text.charCodeAt(lineEnd + 2);
    }
    scanLine(text, pos, lineEnd, headers, message, limits);
    pos = lineEnd + 2;
  }
  checkControls(text, pos, headers, message);
  return pos + 2;
}

function endWithoutEmptyLine(text: string, headers: Headers, message: SipMessage): number {
  note(message, 400, 'No Empty Line After Header Fields');
  checkControls(text, text.length, headers, message);
  return text.length;
}

function scanLine(
  text: string,
  start: number,
  end: number,
  headers: Headers,
  message: SipMessage,
  limits: MessageLimits,
): void {
  let nameEnd = start;
  while (nameEnd < end && isTokenCode(text.charCodeAt(nameEnd))) nameEnd++;
  let colon = nameEnd;
  // §25.1 HCOLON: white space may stand before the colon.
  while (colon < end && (text.charCodeAt(colon) === 0x20 || text.charCodeAt(colon) === 0x09)) colon++;
  if (nameEnd === start || text.charCodeAt(colon) !== 0x3a) note(message, 400, 'Malformed Header Field');
  else if (end - start > limits.lineOctets) note(message, 400, 'Header Field Too Long');
  else if (headers.count >= limits.headerCount) note(message, 400, 'Too Many Header Fields');
  else headers.addScanned(headerIdAt(text, start, nameEnd), start, colon, end);
}

/**
 * A CR or LF that ends no line, or a NUL, could end a line for the next reader.
 * §25.1 allows a NUL in a quoted pair (RFC 4475 §3.1.1.2); it is read as a space and never sent on.
 */
function checkControls(text: string, end: number, headers: Headers, message: SipMessage): void {
  for (let at = text.indexOf('\0'); at >= 0 && at < end; at = text.indexOf('\0', at + 1)) {
    headers.markUnsafe();
    if (text.charCodeAt(at - 1) !== 0x5c) note(message, 400, 'Stray Control Character');
  }
  if (!hasStrayLineEnd(text, end)) return;
  headers.markIrregular();
  note(message, 400, 'Stray Control Character');
}

function hasStrayLineEnd(text: string, end: number): boolean {
  for (let at = text.indexOf('\n'); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) {
    if (text.charCodeAt(at - 1) !== 0x0d) return true;
  }
  for (let at = text.indexOf('\r'); at >= 0 && at < end; at = text.indexOf('\r', at + 1)) {
    if (text.charCodeAt(at + 1) !== 0x0a) return true;
  }
  return false;
}

/** §18.3: Content-Length ends the body; octets beyond it are dropped, fewer octets than it says are an error. */
function bodyOf(text: string, start: number, message: SipMessage): string {
  const value = message.headers.value(HeaderId.ContentLength);
  if (value === undefined) return text.slice(start);
  const length = decimalAt(value, 0, value.length);
  if (length < 0) {
    note(message, 400, 'Malformed Content-Length');
    return '';
  }
  if (message.headers.countOf(HeaderId.ContentLength) > 1) note(message, 400, 'Several Content-Length Header Fields');
  if (start + length > text.length) note(message, 400, 'Body Shorter Than Content-Length');
  return text.slice(start, start + length);
}

function notSip(text: string, start: number, end: number): PeerError {
  return new PeerError(
    'SIP_PEER_START_LINE',
    `no SIP start line: ${JSON.stringify(text.slice(start, Math.min(end, start + 60)))}`,
  );
}
