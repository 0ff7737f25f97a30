import type { Described, SessionParties } from './parties.ts';
import { isHeld, resumed } from './sdp.ts';

/**
 * What each side has described last, kept for parties of whom one takes no INVITE without an offer: the other one's last description is
 * the offer that it may be made (RFC 3261 §14.1, RFC 6337 §5.2.5).
 */
export class LastDescribed {
  /** The side in whose place something was offered or answered, until it describes itself. */
  standsInFor: string | undefined = undefined;
  readonly #isWanted: boolean;
  readonly #texts = new Map<string, string>();

  constructor({ near, far }: SessionParties) {
    this.#isWanted = near.needsOffer === true || far.needsOffer === true;
  }

  /** A side describes itself. */
  offered(from: string, sdp: string): void {
    if (from === this.standsInFor) this.standsInFor = undefined;
    this.note(from, sdp);
  }

  /** Offers in the place of a side what it has described last; `offer` makes it so that the other one can read it. */
  offerAgain(from: string, offer: (sdp: string, told: Described) => void, done: Described): void {
    const last = this.#offerOf(from);
    if (last === undefined) {
      done(undefined, 'unreadable');
      return;
    }
    this.standsInFor = from;
    offer(last, (sdp, refusal) => {
      // Nobody was told of it.
      if (sdp === undefined) this.standsInFor = undefined;
      done(sdp, refusal);
    });
  }

  note(from: string, sdp: string): void {
    // Where it is when it holds by 0.0.0.0 it has said before.
    if (this.#isWanted && !/^c=IN[ \t]+IP4[ \t]+0\.0\.0\.0[ \t]*\r?$/m.test(sdp)) this.#texts.set(from, sdp);
  }

  /** As an offer to talk, whatever was held; undefined: it has described nothing. */
  #offerOf(from: string): string | undefined {
    const sdp = this.#texts.get(from);
    return sdp === undefined ? undefined : resumed(sdp);
  }

  /** Whether what a side describes is another session than the one that was offered for it. @param asRelayed a relay hides where it is. */
  differs(from: string, sdp: string, asRelayed: boolean): boolean {
    return isHeld(sdp) || (!asRelayed && placesIn(sdp) !== placesIn(this.#texts.get(from) ?? ''));
  }
}

function placesIn(sdp: string): string {
  return (sdp.match(/^(?:c=.*|m=\S+[ \t]+\S+|a=(?:crypto|fingerprint):.*)/gm) ?? []).join('\n');
}
