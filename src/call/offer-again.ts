import type { MediaRefusal } from '../media/index.ts';
import { HeaderId, type SipMessage, SipRequest, type SipResponse, sessionDescriptionOf } from '../sip/message/index.ts';
import type { Leg } from './leg.ts';
import { descriptionRefused, relayDescription } from './media.ts';
import { Renegotiation } from './renegotiation.ts';

/**
 * Re-INVITEs without an offer toward a party that takes none (RFC 3261 §14.1 leaves it to the other side to offer; Microsoft Teams
 * answers 488): it is offered what the sender described last, and its answer is the offer that the sender gets in its 2xx.
 */
export function offerAgain(
  from: Leg,
  to: Leg,
  done: (offer: SipMessage | undefined, refusal: MediaRefusal | undefined) => void,
): void {
  const [place, toward] = [from.media, to.media];
  if (place === undefined || place.session !== toward?.session) {
    done(undefined, 'unreadable');
    return;
  }
  place.session.offerAgain(place.tag, toward.tag, (described, refusal = 'no-relay') => {
    if (described === undefined) done(undefined, refusal);
    else done(descriptionOf(described), undefined);
  });
}

/** Whether a re-INVITE without an offer cannot be passed on to this party. */
export function takesNoneWithoutOffer({ options }: Leg): boolean {
  return options.media?.needsOffer === true;
}

/** The ACK of `from` describes it. What was offered for it may be another session: then `to` hears of the difference. */
export function describeLate(from: Leg, to: Leg, ack: SipRequest): void {
  // Somebody else may be there by now.
  if (from.peer !== to) return;
  const { media } = from;
  const sdp = sessionDescriptionOf(ack);
  if (media === undefined || sdp === undefined) return;
  const isNews = media.session.mustHear(media.tag, sdp);
  relayDescription(from, to, ack, 'answer', (refusal) => {
    if (refusal !== undefined) from.call.end('engine', 'media-lost');
    else if (isNews) tell(from, to, sdp);
  });
}

/** A re-INVITE of the engine's own. Refused, it leaves `to` as it was: it only does not know of the hold. */
function tell(from: Leg, to: Leg, sdp: string): void {
  const offer = descriptionOf(sdp);
  relayDescription(from, to, offer, 'offer', (refusal) => {
    if (refusal !== undefined || to.state !== 'confirmed' || from.peer !== to) {
      if (refusal === undefined) descriptionRefused(from);
      return;
    }
    const user = {
      onRenegotiated: (_leg: Leg, response: SipResponse) => relayDescription(to, from, response, 'answer', () => {}),
      onRenegotiationFailed: () => descriptionRefused(from),
    };
    new Renegotiation(to, offer, user, undefined).start();
  });
}

/** A message of nothing but a description. */
function descriptionOf(sdp: string): SipMessage {
  const message = new SipRequest('INVITE', '', sdp, 1);
  message.headers.add(HeaderId.ContentType, 'application/sdp');
  return message;
}
