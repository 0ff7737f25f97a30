import { Holds } from './holds.ts';
import { LastDescribed } from './last-described.ts';
import { type Described, type SessionParties, type SessionUser, withCodecs } from './parties.ts';
import { inventedOffer } from './sdp.ts';

/** Another process goes on with the parties alone: what they describe says the rest. */
export interface ChosenSnapshot {
  readonly kind: 'chosen';
}

/** Descriptions that go from party to party without a relay, offers with the codecs and holds with the words that are asked for. */
export class ChosenCodecs {
  readonly mayPass = true;
  offeredBy: string | undefined = undefined;
  readonly #parties: SessionParties;
  readonly #user: SessionUser;
  readonly #holds: Holds;
  readonly #last: LastDescribed;
  /** How many versions of its description (RFC 8866 §5.2) a side has had made for it. */
  readonly #ahead = new Map<string, number>();
  #ended = false;

  constructor(parties: SessionParties, user: SessionUser) {
    this.#parties = parties;
    this.#holds = new Holds(parties);
    this.#last = new LastDescribed(parties);
    this.#user = user;
  }

  get standsInFor(): string | undefined {
    return this.#last.standsInFor;
  }

  offer(from: string, _to: string | undefined, sdp: string, done: Described): void {
    this.#last.offered(from, sdp);
    this.#offerAs(from, sdp, done);
  }

  offerAgain(from: string, _to: string, done: Described): void {
    const offer = (sdp: string, told: Described) => {
      this.#ahead.set(from, (this.#ahead.get(from) ?? 0) + 1);
      this.#offerAs(from, sdp, told);
    };
    this.#last.offerAgain(from, offer, done);
  }

  mustHear(from: string, sdp: string): boolean {
    return this.#last.differs(from, sdp, false);
  }

  #offerAs(from: string, given: string, done: Described): void {
    this.offeredBy = from;
    const sdp = withVersion(given, this.#ahead.get(from) ?? 0);
    const described = withCodecs(this.#holds.towardOther(from, sdp), this.#parties);
    done(described, described === undefined ? 'no-codec' : undefined);
  }

  answer(from: string, _to: string, sdp: string, done: Described): void {
    // Whoever asked first says by mustHear whether this is news for the other side.
    if (from === this.#last.standsInFor) this.#last.standsInFor = undefined;
    else this.#last.note(from, sdp);
    this.offeredBy = undefined;
    done(this.#holds.towardOther(from, withVersion(sdp, this.#ahead.get(from) ?? 0)));
  }

  makeUpOffer(done: Described): void {
    done(undefined);
  }

  withoutRelay(): this {
    return this;
  }

  refused(): void {
    this.offeredBy = undefined;
    this.#last.standsInFor = undefined;
  }

  snapshot(): ChosenSnapshot {
    return { kind: 'chosen' };
  }

  describedBy(): undefined {
    return undefined;
  }

  join(): undefined {
    return undefined;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#user.onMediaEnded(undefined);
  }

  leave(): void {
    this.#ended = true;
  }
}

/** RFC 3264 §8: another description of the same origin has the next version. */
function withVersion(sdp: string, ahead: number): string {
  if (ahead === 0) return sdp;
  return sdp.replace(
    /^(o=\S+ \S+ )(\d{1,20})\b/m,
    (_line, origin: string, version: string) => `${origin}${BigInt(version) + BigInt(ahead)}`,
  );
}

/** The session of a call that is only thought through: what a relay would offer for a party stands for it. */
export class RehearsedSession extends ChosenCodecs {
  readonly #codecs: readonly string[];

  constructor(parties: SessionParties, user: SessionUser) {
    super(parties, user);
    this.#codecs = parties.near.codecs;
  }

  override makeUpOffer(done: Described): void {
    done(inventedOffer(this.#codecs, true, 'rehearsed'));
  }
}
