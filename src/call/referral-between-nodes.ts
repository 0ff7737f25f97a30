/**
 * REFER of a party that another node reaches than the one that has its call: the other node relays it to that one, which places the call
 * and tells how it goes. The transferor knows its REFER by the sequence number of its own dialog (RFC 3515 §2.4.6), so that goes along.
 */
import { HeaderId, type SipRequest } from '../sip/message/index.ts';
import type { Leg } from './leg.ts';

const SEQUENCE = 'X-Tandem-Referral';
const DIGITS = /^\d{1,10}$/;

/** Puts what a REFER asks for into `to`, the one between the nodes. */
export function relayReferral(from: SipRequest, to: SipRequest): void {
  for (const id of [HeaderId.ReferTo, HeaderId.ReferredBy, HeaderId.ReferSub]) to.headers.takeFirst(from.headers, id);
  // RFC 4488 §4: the one extension that a REFER may require here.
  if (from.headers.lists(HeaderId.Require, 'norefersub')) to.headers.set(HeaderId.Require, 'norefersub');
  to.headers.addNamed(SEQUENCE, String(from.cseq().sequence));
}

/** The sequence number that the transferor has given its REFER. */
export function sequenceOfReferral({ options }: Pick<Leg, 'options'>, refer: SipRequest): string {
  const told = options.isBetweenNodes === true ? refer.headers.valueNamed(SEQUENCE) : undefined;
  return told !== undefined && DIGITS.test(told) ? told : String(refer.cseq().sequence);
}
