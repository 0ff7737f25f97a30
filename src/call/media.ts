import { type MediaParty, type MediaQuestion, type MediaRefusal, type MediaSession, NEAR } from '../media/index.ts';
import { replaceDescription, type SipMessage, sessionDescriptionOf } from '../sip/message/index.ts';
import type { LegOptions } from './plan.ts';
import type { CallMediaSnapshot } from './snapshot.ts';

type SessionParties = Pick<MediaQuestion, 'near' | 'far'>;

/** What is answered when two parties get no media. */
export const MEDIA_REFUSALS: Readonly<Record<MediaRefusal, { readonly status: number; readonly reason: string }>> = {
  'no-relay': { status: 503, reason: 'No Media Relay' },
  'no-codec': { status: 488, reason: 'No Codec In Common' },
  unreadable: { status: 488, reason: 'Description Not Understood' },
};

/** A party, as its media is thought of. */
export interface MediaEnd {
  readonly media: LegOptions['media'];
  /** Where its signalling goes. */
  readonly address: string;
  /** Of a party that stays as it is: the media that it has. */
  readonly place?: MediaPlace | undefined;
}

export type MediaOffer = Pick<MediaQuestion, 'offerer' | 'sdp'>;

/** What is asked of a relay for two parties; undefined where the media of one is nobody's business. */
export function mediaQuestion(near: MediaEnd, far: MediaEnd, offer: MediaOffer): MediaQuestion | undefined {
  const parties = mediaParties(near, far);
  return parties && { ...parties, ...offer, ...joinedTo(near, far) };
}

/** The media of the one of two parties that stays as it is. */
function joinedTo(near: MediaEnd, far: MediaEnd): Pick<MediaQuestion, 'joins'> {
  if (near.place !== undefined) return { joins: { ...near.place, side: 'near' } };
  return far.place === undefined ? {} : { joins: { ...far.place, side: 'far' } };
}

function mediaParty(media: NonNullable<MediaEnd['media']>, { address }: MediaEnd): MediaParty {
  return {
    ...media,
    address: address === '' ? undefined : address,
    family: media.family ?? (address === '' ? undefined : familyOf(address)),
  };
}

/** Of an address without brackets. */
export function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}

/** What two legs have between them, for another process. */
export function mediaSnapshot(caller: DescribingParty, callee: DescribingParty): CallMediaSnapshot | undefined {
  const { session, tag } = caller.media ?? {};
  const snapshot = session !== undefined && session === callee.media?.session ? session.snapshot() : undefined;
  if (snapshot === undefined || callee.media === undefined || tag === undefined) return undefined;
  const isCallerNear = tag === NEAR;
  return { session: snapshot, isCallerNear, farTag: isCallerNear ? callee.media.tag : tag };
}

/** Both parties as a relay thinks of them; undefined where the media of one is nobody's business. */
export function mediaParties(near: MediaEnd, far: MediaEnd): SessionParties | undefined {
  if (near.media === undefined || far.media === undefined) return undefined;
  return { near: mediaParty(near.media, near), far: mediaParty(far.media, far) };
}

/** A leg's place in the media of two parties. */
export interface MediaPlace {
  readonly session: MediaSession;
  /** Which side it is. */
  readonly tag: string;
}

/** A party as its descriptions are relayed; a leg is one. */
export interface DescribingParty {
  readonly media: MediaPlace | undefined;
}

/**
 * Puts into a message of `from` the description that `to` shall have. `go` is called at once where nothing is between the two; with a
 * refusal there is no description for `to`.
 */
export function relayDescription(
  from: DescribingParty,
  to: DescribingParty,
  message: SipMessage,
  role: 'offer' | 'answer',
  go: (refusal: MediaRefusal | undefined) => void,
): void {
  const place = from.media;
  const toward = to.media;
  const sdp = place === undefined || place.session !== toward?.session ? undefined : sessionDescriptionOf(message);
  if (place === undefined || toward === undefined || sdp === undefined) {
    go(undefined);
    return;
  }
  place.session[role](place.tag, toward.tag, sdp, (described, refusal = 'no-relay') => {
    if (described !== undefined) replaceDescription(message, described);
    go(described === undefined ? refusal : undefined);
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
