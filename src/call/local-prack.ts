import { HeaderId } from '../sip/message/index.ts';
import type { Leg } from './leg.ts';
import { LegRequest, type LegRequestUser } from './leg-request.ts';

/** Whatever becomes of the PRACK, the INVITE decides: a peer that misses it refuses the INVITE (RFC 3262 §3). */
const nobody: LegRequestUser = { onLegResponse() {}, onLegSilence() {} };

/** Sends the PRACK for a reliable provisional response on behalf of a caller that cannot. */
export function acknowledgeLocally(leg: Leg, rack: string): void {
  const prack = leg.createRequest('PRACK');
  prack.headers.add(HeaderId.RAck, rack);
  new LegRequest(leg, prack, nobody).send();
}
