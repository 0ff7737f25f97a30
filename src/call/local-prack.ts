import { HeaderId, type SipRequest } from '../sip/message/index.ts';
import type { Leg } from './leg.ts';
import { LegRequest, type LegRequestUser } from './leg-request.ts';
import { relayRequestHeaders } from './relayed-headers.ts';

/** Whatever becomes of the PRACK, the INVITE decides: a peer that misses it refuses the INVITE (RFC 3262 §3). */
const nobody: LegRequestUser = { onLegResponse() {}, onLegSilence() {} };

/** Sends the PRACK for a reliable provisional response: of a caller that has described nothing in its own, `prack`, or that cannot send one. */
export function acknowledgeLocally(
  leg: Leg,
  rack: string,
  prack?: { readonly request: SipRequest; readonly from: Leg },
): void {
  if (leg.state === 'gone') return;
  const sent = leg.createRequest('PRACK');
  sent.headers.add(HeaderId.RAck, rack);
  if (prack !== undefined) relayRequestHeaders(prack.request.headers, sent.headers, leg, prack.from);
  new LegRequest(leg, sent, nobody).send();
}
