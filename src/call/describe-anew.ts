import type { SipResponse } from '../sip/message/index.ts';
import type { Leg } from './leg.ts';
import { relayDescription } from './media.ts';
import { hasSessionDescription } from './relayed-headers.ts';
import { Renegotiation } from './renegotiation.ts';

/**
 * Refreshes by re-INVITE a leg of which nobody here knows what was described last, since its call was rebuilt from what a Contact carried:
 * the peer is asked for an offer, which the other party answers (RFC 3725 §4.1, flow I). So both sessions are refreshed.
 *
 * @param done hears how the peer answered: undefined is 2xx
 */
export function describeAnew(leg: Leg, done: (status: number | undefined) => void): void {
  const user = {
    onRenegotiated: (_leg: Leg, offer: SipResponse) => {
      done(undefined);
      passOn(leg, offer);
    },
    onRenegotiationFailed: (_leg: Leg, status: number) => done(status),
  };
  new Renegotiation(leg, undefined, user, undefined).start();
}

function passOn(leg: Leg, offer: SipResponse): void {
  const { peer } = leg;
  // DEVIATION: RFC 3261 §13.2.1 wants an answer in the ACK, and there is none: the peer goes on with what it has, or ends the call.
  const leave = () => acknowledge(leg, undefined);
  if (peer?.state !== 'confirmed' || !hasSessionDescription(offer)) {
    leave();
    return;
  }
  const user = {
    onRenegotiated: (_peer: Leg, answer: SipResponse) =>
      relayDescription(peer, leg, answer, 'answer', (refusal) => {
        acknowledge(leg, refusal === undefined ? answer : undefined);
        peer.session?.described(offer);
      }),
    onRenegotiationFailed: leave,
  };
  relayDescription(leg, peer, offer, 'offer', (refusal) => {
    if (refusal === undefined) new Renegotiation(peer, offer, user, undefined).start();
    else leave();
  });
}

/** Unless the leg has ended meanwhile. */
function acknowledge(leg: Leg, answer: SipResponse | undefined): void {
  const { held } = leg.ack;
  if (held === undefined) return;
  leg.ack.give(held, answer);
  if (answer !== undefined) leg.session?.described(answer);
}
