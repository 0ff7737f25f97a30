import { PeerError } from '../../base/errors.ts';
import { decimalAt, isTokenCode, skipSpace, trimEnd } from './characters.ts';
import { knownMethod, methodAt } from './method.ts';

export interface CSeq {
  readonly sequence: number;
  readonly method: string;
}

// Where the method stands that was located last.
let methodStart = 0;
let methodEnd = 0;

/**
 * Reads the CSeq value `text[from, to)`. Methods are case-sensitive (RFC 3261 §7.1), but here a known one in other letters can only be meant.
 * DEVIATION: §8.1.1.5 wants a sequence number below 2**31; some gateways draw all of 32 bits. Throws PeerError SIP_PEER_CSEQ.
 */
export function parseCSeq(text: string, from = 0, to = text.length): CSeq {
  const sequence = locate(text, from, to);
  if (methodEnd !== trimEnd(text, from, to)) throw broken(text.slice(from, to), 'more than a method after the number');
  return { sequence, method: locatedMethod(text) };
}

/**
 * The method alone, which with its branch is what an answer is found by; what stands behind it is not looked at. Throws what
 * {@link parseCSeq} throws.
 */
export function readCSeqMethod(text: string, from = 0, to = text.length): string {
  locate(text, from, to);
  return locatedMethod(text);
}

/** The sequence number alone. Throws what {@link parseCSeq} throws. */
export function readSequence(text: string, from: number, to: number): number {
  return locate(text, from, to);
}

/** Gives the sequence number, and finds the method. */
function locate(text: string, from: number, to: number): number {
  const end = trimEnd(text, from, to);
  const start = skipSpace(text, from, end);
  let index = start;
  while (index < end && text.charCodeAt(index) >= 0x30 && text.charCodeAt(index) <= 0x39) index++;
  const sequence = decimalAt(text, start, index);
  if (sequence < 0 || sequence >= 2 ** 32) throw broken(text.slice(start, end), 'no sequence number below 2**32');
  methodStart = skipSpace(text, index, end);
  methodEnd = methodStart;
  while (methodEnd < end && isTokenCode(text.charCodeAt(methodEnd))) methodEnd++;
  if (methodStart === index || methodEnd === methodStart)
    throw broken(text.slice(start, end), 'no method after the number');
  return sequence;
}

function locatedMethod(text: string): string {
  const method = methodAt(text, methodStart, methodEnd);
  return text.charCodeAt(methodEnd - 1) < 0x61 ? method : knownMethod(method);
}

function broken(text: string, found: string): PeerError {
  return new PeerError('SIP_PEER_CSEQ', `CSeq ${JSON.stringify(text.slice(0, 60))}: found ${found}`);
}
