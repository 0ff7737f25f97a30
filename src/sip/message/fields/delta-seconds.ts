import { decimalAt } from '../characters.ts';
import { malformed } from './malformed.ts';

const LARGEST = 2 ** 32 - 1;

/** Reads Expires, Min-Expires and expires parameters: 0 to 2**32-1 seconds (RFC 3261 §20.19). Throws PeerError SIP_PEER_FIELD; callers for whom §20.19 allows it fall back to their default. */
export function parseDeltaSeconds(text: string, field: string): number {
  const value = decimalAt(text, 0, text.length);
  if (value < 0 || value > LARGEST) throw malformed(field, text);
  return value;
}
