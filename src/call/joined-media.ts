import { type MediaSession, NEAR } from '../media/index.ts';
import { HeaderId, type SipMessage, SipResponse, sessionDescriptionOf } from '../sip/message/index.ts';
import type { LegCall } from './leg.ts';
import { type DescribingParty, MEDIA_REFUSALS, type MediaEnd, type MediaPlace, relayDescription } from './media.ts';

/** A party that is connected to another one; a leg is one. */
export interface JoinedParty {
  readonly mediaEnd: MediaEnd;
  media: MediaPlace | undefined;
}

const FAR = 'far-joined';

/**
 * The media of two parties that are being connected by a transfer, a takeover or a pickup: a session of their own, beside those that
 * they are in. It becomes theirs when they are connected; until then, or when that fails, they go on as they were.
 */
export class JoinedMedia {
  readonly #call: LegCall;
  readonly #near: JoinedParty;
  readonly #far: JoinedParty;
  #session: MediaSession | undefined = undefined;
  #farTag = FAR;
  #taken = false;

  constructor(call: LegCall, near: JoinedParty, far: JoinedParty) {
    this.#call = call;
    this.#near = near;
    this.#far = far;
  }

  /** `far` was called for `near`: its branch has begun the session. */
  static begun(call: LegCall, near: JoinedParty, far: JoinedParty): JoinedMedia {
    const joined = new JoinedMedia(call, near, far);
    if (far.media !== undefined) {
      joined.#session = far.media.session;
      joined.#farTag = far.media.tag;
    }
    return joined;
  }

  /** Puts into a message of one party what the other one shall have. `done` gets the status that the connection fails with, if it does. */
  offer(from: JoinedParty, message: SipMessage, done: (refusal: number | undefined) => void): void {
    const isNear = from === this.#near;
    const sdp = sessionDescriptionOf(message);
    const { mediaEnd: near } = this.#near;
    const { mediaEnd: far } = this.#far;
    const isConcerned = sdp !== undefined && this.#call.env.media?.concerns(near.media, far.media) === true;
    const opened = isConcerned ? this.#call.openMedia(near, far, { offerer: isNear ? 'near' : 'far', sdp }) : undefined;
    if (opened === undefined || sdp === undefined || typeof opened === 'string') {
      done(typeof opened === 'string' ? MEDIA_REFUSALS[opened].status : undefined);
      return;
    }
    this.#session = opened;
    relayDescription(...this.#places(from), message, 'offer', (refusal) =>
      done(refusal && MEDIA_REFUSALS[refusal].status),
    );
  }

  /** An offer for a far side that takes no re-INVITE without; undefined: there is none. */
  makeUp(done: (offer: SipMessage | undefined) => void): void {
    const opened = this.#call.openMedia(this.#near.mediaEnd, this.#far.mediaEnd, { offerer: 'near', sdp: undefined });
    if (opened === undefined || typeof opened === 'string') {
      done(undefined);
      return;
    }
    this.#session = opened;
    opened.makeUpOffer((described) => {
      if (described === undefined) {
        done(undefined);
        return;
      }
      const offer = new SipResponse(200, 'OK');
      offer.headers.add(HeaderId.ContentType, 'application/sdp');
      offer.body = described;
      done(offer);
    });
  }

  answer(from: JoinedParty, message: SipMessage, done: (isDescribed: boolean) => void): void {
    relayDescription(...this.#places(from), message, 'answer', (refusal) => done(refusal === undefined));
  }

  /** Of the party that a message is of, and of the other one. */
  #places(from: JoinedParty): [DescribingParty, DescribingParty] {
    const session = this.#session;
    const [near, far] = [NEAR, this.#farTag].map((tag) => ({ media: session && { session, tag } }));
    return (from === this.#near ? [near, far] : [far, near]) as [DescribingParty, DescribingParty];
  }

  /** It is theirs now, in place of whatever they had. */
  take(): void {
    const session = this.#session;
    this.#taken = true;
    // Who stays as it is has left what it had on the relay to the new one.
    const former = [this.#near, this.#far].find(({ mediaEnd }) => mediaEnd.place !== undefined)?.media;
    if (former !== undefined && former.session !== session) former.session.end();
    const [near, far] = this.#places(this.#near);
    this.#near.media = near.media;
    this.#far.media = far.media;
  }

  end(): void {
    if (!this.#taken) this.#session?.end();
  }
}
