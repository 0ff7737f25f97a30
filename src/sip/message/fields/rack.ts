import { decimalAt, isDigitCode, isToken, skipSpace, trimEnd } from '../characters.ts';
import { knownMethod } from '../method.ts';
import { malformed } from './malformed.ts';

const LARGEST = 2 ** 32 - 1;

/** RSeq: 1 to 2**32-1 (RFC 3262 §7.1). DEVIATION: 0 too, which some gateways begin with and wait for the PRACK of. */
export function parseRSeq(text: string): number {
  const value = decimalAt(text, 0, text.length);
  if (value < 0 || value > LARGEST) throw malformed('RSeq', text);
  return value;
}

/** RAck: the RSeq and CSeq of the provisional response that a PRACK acknowledges (RFC 3262 §7.2). */
export interface RAck {
  readonly rseq: number;
  readonly sequence: number;
  readonly method: string;
}

/** A known method in other letters can only be meant, as in CSeq. Throws PeerError SIP_PEER_FIELD. */
export function parseRAck(text: string): RAck {
  const end = trimEnd(text, 0, text.length);
  const firstEnd = digitsEnd(text, 0, end);
  const secondStart = skipSpace(text, firstEnd, end);
  const secondEnd = digitsEnd(text, secondStart, end);
  const methodStart = skipSpace(text, secondEnd, end);
  const rseq = decimalAt(text, 0, firstEnd);
  const sequence = decimalAt(text, secondStart, secondEnd);
  const spaced = secondStart > firstEnd && methodStart > secondEnd;
  if (!spaced || rseq < 0 || rseq > LARGEST || sequence < 0 || sequence > LARGEST || !isToken(text, methodStart, end))
    throw malformed('RAck', text);
  return { rseq, sequence, method: knownMethod(text.slice(methodStart, end)) };
}

function digitsEnd(text: string, index: number, end: number): number {
  while (index < end && isDigitCode(text.charCodeAt(index))) index++;
  return index;
}
