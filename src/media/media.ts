import type { Scheduler } from '../base/scheduler.ts';
import { ChosenCodecs, type ChosenSnapshot, RehearsedSession } from './chosen-codecs.ts';
import { decideMedia, type MediaDecision, type MediaParty } from './decide.ts';
import {
  type Described,
  isChoosy,
  type JoiningSide,
  type MediaRefusal,
  mayPass,
  NEAR,
  type SessionParties,
  type SessionUser,
  withCodecs,
} from './parties.ts';
import type { MediaRelays } from './relays.ts';
import { describe } from './sdp.ts';
import { RelayedSession, type RelayedSnapshot } from './session.ts';

export type MediaSnapshot = RelayedSnapshot | ChosenSnapshot;

/** The media of two parties whose descriptions do not pass as they are. `from` and `to` are tags, `NEAR` or one of the far side's. */
export interface MediaSession {
  /** The side whose offer waits for an answer. */
  readonly offeredBy: string | undefined;
  /** A call goes on with descriptions as they came when no relay answers. */
  readonly mayPass: boolean;
  /** The side whose offer was made up, until it has described itself in an answer; undefined: nobody's was. */
  readonly standsInFor: string | undefined;
  /** Makes an offer of the near side, which leaves it to a far side that takes none: what the far side shall have. */
  makeUpOffer(done: Described): void;
  /**
   * Offers what a side has described last, since it leaves the offer to the other side, which takes none. Undefined: it has described nothing.
   * Its own description, in an answer, takes the place of it.
   */
  offerAgain(from: string, to: string, done: Described): void;
  /** Whether the other side has to hear of what a side describes for whom something stood in: it holds, or is elsewhere. */
  mustHear(from: string, sdp: string): boolean;
  /** @param to undefined where nobody has answered yet. */
  offer(from: string, to: string | undefined, sdp: string, done: Described): void;
  /** @param from who answers. @param to who had offered. */
  answer(from: string, to: string, sdp: string, done: Described): void;
  /** What brings the two together where no relay does; undefined: their descriptions pass as they are. */
  withoutRelay(): MediaSession | undefined;
  /** The open offer was refused: the session is as it was before. */
  refused(): void;
  /** What a side has described last, as it came; undefined where nobody has kept it. */
  describedBy(tag: string): string | undefined;
  /** A session of its own for a side that stays as it is and somebody else, on the same ports; undefined: there is no way. */
  join(parties: SessionParties, own: JoiningSide, user: SessionUser): MediaSession | undefined;
  /** For another process; undefined: there is nothing to go on with. */
  snapshot(): MediaSnapshot | undefined;
  end(): void;
  /** Another process goes on with it: nothing is said to the relay. */
  leave(): void;
}

type Wish = Omit<MediaParty, 'family' | 'address'>;

/** A question for media between two parties. */
export interface MediaQuestion extends SessionParties {
  /** Whose description is there, or will be first. */
  readonly offerer: 'near' | 'far';
  /** The description; undefined where it is not there yet. */
  readonly sdp: string | undefined;
  /** One of the two has media that stays as it is, in this session. */
  readonly joins?: JoiningSide & { readonly session: MediaSession };
}

/** Says for each pair of parties whether their media is relayed, and begins the session. */
export class Media {
  readonly relays: MediaRelays;
  readonly #scheduler: Scheduler;

  constructor(relays: MediaRelays, scheduler: Scheduler) {
    this.relays = relays;
    this.#scheduler = scheduler;
  }

  /** False: whatever the two describe passes octet for octet. Asked for every call. */
  concerns(near: Wish | undefined, far: Wish | undefined): boolean {
    if (near === undefined || far === undefined) return false;
    if (isChoosy(near) || isChoosy(far)) return true;
    return this.relays.configured || !isContent(near) || !isContent(far);
  }

  /** Undefined: their descriptions pass octet for octet. */
  open(question: MediaQuestion, user: SessionUser): MediaSession | MediaRefusal | undefined {
    const { near, far, sdp } = question;
    const isChosen = isChoosy(near) || isChoosy(far);
    if (sdp !== undefined && withCodecs(sdp, question) === undefined) return 'no-codec';
    if (question.joins !== undefined) return question.joins.session.join(question, question.joins, user) ?? 'no-relay';
    if (this.decide(question).relay) {
      const relay = this.relays.choose();
      if (relay !== undefined) return new RelayedSession(this.relays, relay, this.#scheduler, question, user);
      if (!mayPass(question)) return 'no-relay';
    }
    return isChosen ? new ChosenCodecs(question, user) : undefined;
  }

  /** A session of another process goes on, on its relay. Undefined: that is not a relay of this node. @param farTag the far side's, there */
  restore(
    snapshot: MediaSnapshot,
    parties: SessionParties,
    farTag: string,
    user: SessionUser,
  ): MediaSession | undefined {
    if (snapshot.kind === 'chosen') return new ChosenCodecs(parties, user);
    const relay = this.relays.at(snapshot.relay);
    if (relay === undefined) return undefined;
    const session = new RelayedSession(this.relays, relay, this.#scheduler, parties, user);
    session.resume(snapshot, farTag);
    return session;
  }

  /** For a call that is only thought through: the same answers, and no relay hears of it. */
  rehearsal(witness: (decision: MediaDecision | undefined) => void): Pick<Media, 'concerns' | 'open' | 'restore'> {
    return {
      restore: () => undefined,
      concerns: (near, far) => {
        witness(undefined);
        return this.concerns(near, far);
      },
      open: (question, user) => {
        const decision = this.decide(question);
        witness(decision);
        const isChosen = isChoosy(question.near) || isChoosy(question.far);
        if (question.sdp !== undefined && withCodecs(question.sdp, question) === undefined) return 'no-codec';
        if (decision.relay && this.relays.choose() === undefined && !mayPass(question)) return 'no-relay';
        return isChosen ? new RehearsedSession(question, user) : undefined;
      },
    };
  }

  decide({ near, far, offerer, sdp }: MediaQuestion): MediaDecision {
    const [from, to] = offerer === 'near' ? [near, far] : [far, near];
    const decision = decideMedia(from, to, sdp === undefined ? undefined : describe(sdp));
    // What is only useful is left out where nothing can do it.
    const isAsked = !isContent(near) || !isContent(far);
    return decision.relay && !this.relays.configured && !isAsked ? { relay: false, reason: 'not-needed' } : decision;
  }
}

/** Nothing is asked for where there is no relay at all. */
function isContent({ mode }: Wish): boolean {
  return mode === 'auto' || mode === 'never';
}

export { NEAR };
