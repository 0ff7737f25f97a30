import { type MediaQuestion, type MediaSession, NEAR } from '../media/index.ts';
import { replaceDescription, type SipMessage, sessionDescriptionOf } from '../sip/message/index.ts';
import type { LegOptions } from './plan.ts';

/** A party, as its media is thought of. */
export interface MediaEnd {
  readonly media: LegOptions['media'];
  /** Where its signalling goes. */
  readonly address: string;
}

export type MediaOffer = Pick<MediaQuestion, 'offerer' | 'sdp'>;

/** A leg's place in the media of two parties. */
export interface MediaPlace {
  readonly session: MediaSession;
  /** Which side it is. */
  readonly tag: string;
}

/** A party as its descriptions are relayed; a leg is one. */
interface DescribingParty {
  readonly media: MediaPlace | undefined;
}

/**
 * Puts into a message of `from` the description that `to` shall have. `go` is called at once where nothing is between the two; false:
 * there is no description for `to`.
 */
export function relayDescription(
  from: DescribingParty,
  to: DescribingParty,
  message: SipMessage,
  role: 'offer' | 'answer',
  go: (isDescribed: boolean) => void,
): void {
  const place = from.media;
  const toward = to.media;
  const sdp = place === undefined || place.session !== toward?.session ? undefined : sessionDescriptionOf(message);
  if (place === undefined || toward === undefined || sdp === undefined) {
    go(true);
    return;
  }
  place.session[role](place.tag, toward.tag, sdp, (described) => {
    if (described !== undefined) replaceDescription(message, described);
    go(described !== undefined);
  });
}

/** An offer of `from` was refused. */
export function descriptionRefused(from: DescribingParty): void {
  const { session, tag } = from.media ?? {};
  if (session?.offeredBy === tag) session?.refused();
}

/** The place of the party that the one at `place` talks to, where that is the one who began. */
export function nearPlaceOf(place: MediaPlace | undefined): MediaPlace | undefined {
  return place === undefined ? undefined : { session: place.session, tag: NEAR };
}
