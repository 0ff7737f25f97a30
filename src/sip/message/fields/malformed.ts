import { PeerError } from '../../../base/errors.ts';

/** The error of every typed field; the reason phrase names the field and repeats nothing of the peer's. */
export function malformed(field: string, text: string): PeerError {
  return new PeerError('SIP_PEER_FIELD', `Malformed ${field}: ${JSON.stringify(text.slice(0, 60))}`);
}
