import { Holds } from './holds.ts';
import { type Described, type SessionParties, type SessionUser, withCodecs } from './parties.ts';
import { inventedOffer } from './sdp.ts';

/** Descriptions that go from party to party without a relay, offers with the codecs and holds with the words that are asked for. */
export class ChosenCodecs {
  readonly mayPass = true;
  offeredBy: string | undefined = undefined;
  readonly #parties: SessionParties;
  readonly #user: SessionUser;
  readonly #holds: Holds;
  readonly standsInFor = undefined;
  #ended = false;

  constructor(parties: SessionParties, user: SessionUser) {
    this.#parties = parties;
    this.#holds = new Holds(parties);
    this.#user = user;
  }

  offer(from: string, _to: string | undefined, sdp: string, done: Described): void {
    this.offeredBy = from;
    const described = withCodecs(this.#holds.towardOther(from, sdp), this.#parties);
    done(described, described === undefined ? 'no-codec' : undefined);
  }

  answer(from: string, _to: string, sdp: string, done: Described): void {
    this.offeredBy = undefined;
    done(this.#holds.towardOther(from, sdp));
  }

  makeUpOffer(done: Described): void {
    done(undefined);
  }

  withoutRelay(): this {
    return this;
  }

  refused(): void {
    this.offeredBy = undefined;
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
