import { PeerError } from '../../base/errors.ts';
import { type MediaType, parseMediaType } from './fields/media-type.ts';
import { HeaderId, headerIdOf } from './header-id.ts';
import type { SipMessage } from './message.ts';

/** Most parts that a body may have; nesting is not followed. */
const MAX_PARTS = 32;

/** One part of a multipart body (RFC 2046 §5.1), as octets. */
export interface BodyPart {
  /** undefined when the part names none (text/plain by RFC 2046 §5.2). */
  readonly contentType: MediaType | undefined;
  /** Header lines of the part as they are, without the empty line. */
  readonly head: string;
  readonly body: string;
  /** Where `body` starts in the whole body. */
  readonly offset: number;
}

/** Splits a multipart body. What stands before the first and after the last boundary is not a part. Throws PeerError SIP_PEER_MULTIPART. */
export function parseMultipart(body: string, boundary: string): BodyPart[] {
  // RFC 2046 §5.1.1: 1 to 70 characters.
  if (boundary.length === 0 || boundary.length > 70) throw broken('a boundary that is not 1 to 70 characters');
  const delimiter = `\r\n--${boundary}`;
  const parts: BodyPart[] = [];
  // The first delimiter may open the body without its CRLF.
  let at = body.startsWith(delimiter.slice(2)) ? delimiter.length - 2 : endOf(body, delimiter, 0);
  while (at >= 0) {
    if (body.startsWith('--', at)) return parts;
    const lineEnd = body.indexOf('\r\n', at);
    if (lineEnd < 0) break;
    const next = body.indexOf(delimiter, lineEnd);
    if (next < 0) break;
    if (parts.length >= MAX_PARTS) throw broken(`more than ${MAX_PARTS} parts`);
    parts.push(parsePart(body, lineEnd + 2, next));
    at = next + delimiter.length;
  }
  throw broken('no closing boundary');
}

function endOf(body: string, delimiter: string, from: number): number {
  const at = body.indexOf(delimiter, from);
  return at < 0 ? -1 : at + delimiter.length;
}

function parsePart(body: string, start: number, end: number): BodyPart {
  // A part without header fields starts with the empty line.
  const bare = body.startsWith('\r\n', start);
  const empty = body.indexOf('\r\n\r\n', start);
  if (!bare && (empty < 0 || empty + 4 > end)) throw broken('a part without an empty line');
  const offset = bare ? start + 2 : empty + 4;
  const head = bare ? '' : body.slice(start, empty);
  return { contentType: contentTypeOf(head), head, body: body.slice(Math.min(offset, end), end), offset };
}

function contentTypeOf(head: string): MediaType | undefined {
  for (const line of head.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0 && headerIdOf(line.slice(0, colon).trimEnd()) === HeaderId.ContentType)
      return parseMediaType(line.slice(colon + 1));
  }
  return undefined;
}

/** Where a message's body of one type is: the body itself, or the part of it with that type. */
export interface BodyRange {
  readonly start: number;
  readonly end: number;
}

/** Finds the body, or the first part of a multipart body, of `type/subtype` (lower case). undefined when there is none. */
export function findBody(message: SipMessage, type: string, subtype: string): BodyRange | undefined {
  const value = message.headers.value(HeaderId.ContentType);
  if (value === undefined || message.body.length === 0) return undefined;
  const contentType = parseMediaType(value);
  if (contentType.type === type && contentType.subtype === subtype) return { start: 0, end: message.body.length };
  if (contentType.type !== 'multipart') return undefined;
  const parts = parseMultipart(message.body, contentType.params.get('boundary') ?? '');
  const part = parts.find(
    (candidate) => candidate.contentType?.type === type && candidate.contentType.subtype === subtype,
  );
  return part === undefined ? undefined : { start: part.offset, end: part.offset + part.body.length };
}

/** The session description of a message, from its body or the part that holds it; undefined when it has none. */
export function sdpOf(message: SipMessage): string | undefined {
  const range = findBody(message, 'application', 'sdp');
  return range === undefined ? undefined : message.body.slice(range.start, range.end);
}

/** Puts another session description in the place of the one that is there; every other octet of the body stays. False when there is none. */
export function replaceSdp(message: SipMessage, sdp: string): boolean {
  const range = findBody(message, 'application', 'sdp');
  if (range === undefined) return false;
  message.body = message.body.slice(0, range.start) + sdp + message.body.slice(range.end);
  return true;
}

function broken(found: string): PeerError {
  return new PeerError('SIP_PEER_MULTIPART', `multipart body: found ${found}`);
}
