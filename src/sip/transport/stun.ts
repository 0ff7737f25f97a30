/**
 * STUN Binding Requests (RFC 5389 §6, §7.3; RFC 8489 §5, §6.3), by which phones keep a flow over UDP open and see whether it is still the
 * same (RFC 5626 §4.4.2, §8). Nothing is authenticated, and nothing is kept of a request.
 */
import { parseAddress } from '../../base/network.ts';

const BINDING_REQUEST = 0x0001;
const BINDING_RESPONSE = 0x0101;
const BINDING_ERROR_RESPONSE = 0x0111;
const MAGIC_COOKIE = 0x2112a442;
const HEAD_OCTETS = 20;
/** RFC 5389 §7.1: a message over UDP is no longer than its path takes whole. Whoever forges addresses has longer ones looked through for nothing. */
const MOST_OCTETS = 1_500;
const ATTRIBUTE_HEAD_OCTETS = 4;

const MESSAGE_INTEGRITY = 0x0008;
const ERROR_CODE = 0x0009;
const UNKNOWN_ATTRIBUTES = 0x000a;
const MESSAGE_INTEGRITY_SHA256 = 0x001c;
const XOR_MAPPED_ADDRESS = 0x0020;
/** Attributes from here on may be passed over by who does not know them. */
const COMPREHENSION_OPTIONAL = 0x8000;
/** RFC 8489 §18.3.1. What of them means nothing in a request that is not authenticated is passed over (RFC 5389 §7.3). */
const KNOWN: ReadonlySet<number> = new Set([
  ...[0x0001, 0x0006, MESSAGE_INTEGRITY, ERROR_CODE, UNKNOWN_ATTRIBUTES, 0x0014, 0x0015],
  ...[MESSAGE_INTEGRITY_SHA256, 0x001d, 0x001e, XOR_MAPPED_ADDRESS],
]);

/**
 * The answer to a Binding Request: where it came from, or 420 with the attributes that had to be understood. Undefined for what is none.
 */
export function bindingResponse(octets: Buffer, address: string, port: number): Buffer | undefined {
  if (octets.length < HEAD_OCTETS || octets.length > MOST_OCTETS) return undefined;
  if (octets.readUInt16BE(0) !== BINDING_REQUEST) return undefined;
  const length = octets.readUInt16BE(2);
  // RFC 5389 §6: attributes are padded to four octets, so the last two bits of the length are zero.
  const isStun =
    length === octets.length - HEAD_OCTETS && (length & 3) === 0 && octets.readUInt32BE(4) === MAGIC_COOKIE;
  const unknown = isStun ? notUnderstood(octets) : undefined;
  const words = parseAddress(address);
  if (unknown === undefined || words === undefined) return undefined;
  return unknown.size > 0 ? refusal(octets, [...unknown]) : mapping(octets, words, port);
}

/** Types of the attributes that have to be understood and are not; undefined where an attribute goes beyond the message. */
function notUnderstood(octets: Buffer): ReadonlySet<number> | undefined {
  const unknown = new Set<number>();
  let isCovered = true;
  for (let at = HEAD_OCTETS; at < octets.length; ) {
    const type = octets.readUInt16BE(at);
    if (isCovered && type < COMPREHENSION_OPTIONAL && !KNOWN.has(type)) unknown.add(type);
    // RFC 5389 §15.4: what stands behind the integrity is not protected by it and MUST be ignored.
    if (type === MESSAGE_INTEGRITY || type === MESSAGE_INTEGRITY_SHA256) isCovered = false;
    at += ATTRIBUTE_HEAD_OCTETS + padded(octets.readUInt16BE(at + 2));
    if (at > octets.length) return undefined;
  }
  return unknown;
}

function mapping(request: Buffer, words: readonly number[], port: number): Buffer {
  const valueOctets = 4 + 4 * words.length;
  const answer = headOf(request, BINDING_RESPONSE, ATTRIBUTE_HEAD_OCTETS + valueOctets);
  answer.writeUInt16BE(XOR_MAPPED_ADDRESS, HEAD_OCTETS);
  answer.writeUInt16BE(valueOctets, HEAD_OCTETS + 2);
  answer.writeUInt8(words.length === 1 ? 1 : 2, HEAD_OCTETS + 5);
  // By the cookie and the transaction the address is hidden from gateways that rewrite what looks like one (RFC 5389 §15.2).
  answer.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), HEAD_OCTETS + 6);
  for (const [index, word] of words.entries())
    answer.writeUInt32BE((word ^ request.readUInt32BE(4 + 4 * index)) >>> 0, HEAD_OCTETS + 8 + 4 * index);
  return answer;
}

/** RFC 5389 §7.3.1: 420 with UNKNOWN-ATTRIBUTES. It has no reason phrase, so that it is at most 1.5 times as long as the request. */
function refusal(request: Buffer, unknown: readonly number[]): Buffer {
  const codeOctets = ATTRIBUTE_HEAD_OCTETS + 4;
  const answer = headOf(
    request,
    BINDING_ERROR_RESPONSE,
    codeOctets + ATTRIBUTE_HEAD_OCTETS + padded(2 * unknown.length),
  );
  answer.writeUInt16BE(ERROR_CODE, HEAD_OCTETS);
  answer.writeUInt16BE(4, HEAD_OCTETS + 2);
  answer.writeUInt8(4, HEAD_OCTETS + 6);
  answer.writeUInt8(20, HEAD_OCTETS + 7);
  const at = HEAD_OCTETS + codeOctets;
  answer.writeUInt16BE(UNKNOWN_ATTRIBUTES, at);
  answer.writeUInt16BE(2 * unknown.length, at + 2);
  for (const [index, type] of unknown.entries()) answer.writeUInt16BE(type, at + ATTRIBUTE_HEAD_OCTETS + 2 * index);
  return answer;
}

/** An answer with so many octets of attributes, all zero, and the cookie and transaction of its request. */
function headOf(request: Buffer, type: number, attributeOctets: number): Buffer {
  const answer = Buffer.alloc(HEAD_OCTETS + attributeOctets);
  answer.writeUInt16BE(type, 0);
  answer.writeUInt16BE(attributeOctets, 2);
  request.copy(answer, 4, 4, HEAD_OCTETS);
  return answer;
}

function padded(octets: number): number {
  return (octets + 3) & ~3;
}
