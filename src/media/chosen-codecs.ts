import { type Described, type SessionParties, type SessionUser, withCodecs } from './session.ts';

/** Descriptions that go from party to party without a relay, offers with the codecs that are asked for. */
export class ChosenCodecs {
  readonly mayPass = true;
  offeredBy: string | undefined = undefined;
  readonly #parties: SessionParties;
  readonly #user: SessionUser;
  #ended = false;

  constructor(parties: SessionParties, user: SessionUser) {
    this.#parties = parties;
    this.#user = user;
  }

  offer(from: string, _to: string | undefined, sdp: string, done: Described): void {
    this.offeredBy = from;
    done(withCodecs(sdp, this.#parties));
  }

  answer(_from: string, _to: string, sdp: string, done: Described): void {
    this.offeredBy = undefined;
    done(sdp);
  }

  refused(): void {
    this.offeredBy = undefined;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#user.onMediaEnded(undefined);
  }
}
