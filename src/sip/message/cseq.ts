import { PeerError } from '../../base/errors.ts';
import { decimalAt, isToken, skipSpace, trimEnd } from './characters.ts';
import { knownMethod, methodAt } from './method.ts';

export interface CSeq {
  readonly sequence: number;
  readonly method: string;
}

/** Reads the CSeq value `text[from, to)`. The sequence number MUST be less than 2**31 (RFC 3261 §8.1.1.5); methods are case-sensitive (§7.1), but here a known one in other letters can only be meant. Throws PeerError SIP_PEER_CSEQ. */
export function parseCSeq(text: string, from = 0, to = text.length): CSeq {
  const end = trimEnd(text, from, to);
  const start = skipSpace(text, from, end);
  let index = start;
  while (index < end && text.charCodeAt(index) >= 0x30 && text.charCodeAt(index) <= 0x39) index++;
  const sequence = decimalAt(text, start, index);
  const methodStart = skipSpace(text, index, end);
  if (sequence < 0 || sequence >= 2 ** 31) throw broken(text.slice(start, end), 'no sequence number below 2**31');
  if (methodStart === index || !isToken(text, methodStart, end))
    throw broken(text.slice(start, end), 'no method after the number');
  const method = methodAt(text, methodStart, end);
  return { sequence, method: text.charCodeAt(end - 1) < 0x61 ? method : knownMethod(method) };
}

function broken(text: string, found: string): PeerError {
  return new PeerError('SIP_PEER_CSEQ', `CSeq ${JSON.stringify(text.slice(0, 60))}: found ${found}`);
}
