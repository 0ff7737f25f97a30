import type { SessionParties } from './parties.ts';
import { isHeld, resumed } from './sdp.ts';

/**
 * What each side has described last, kept for parties of whom one takes no INVITE without an offer: the other one's last description is
 * the offer that it may be made (RFC 3261 §14.1, RFC 6337 §5.2.5).
 */
export class LastDescribed {
  readonly #isWanted: boolean;
  readonly #texts = new Map<string, string>();

  constructor({ near, far }: SessionParties) {
    this.#isWanted = near.needsOffer === true || far.needsOffer === true;
  }

  note(from: string, sdp: string): void {
    // Where it is when it holds by 0.0.0.0 it has said before.
    if (this.#isWanted && !/^c=IN IP4 0\.0\.0\.0\r?$/m.test(sdp)) this.#texts.set(from, sdp);
  }

  /** As an offer to talk, whatever was held; undefined: it has described nothing. */
  offerOf(from: string): string | undefined {
    const sdp = this.#texts.get(from);
    return sdp === undefined ? undefined : resumed(sdp);
  }

  /** Whether what a side describes is another session than the one that was offered for it. @param asRelayed a relay hides where it is. */
  differs(from: string, sdp: string, asRelayed: boolean): boolean {
    return isHeld(sdp) || (!asRelayed && placesIn(sdp) !== placesIn(this.#texts.get(from) ?? ''));
  }
}

function placesIn(sdp: string): string {
  return (sdp.match(/^(?:c=.*|m=\S+ \S+|a=(?:crypto|fingerprint):.*)/gm) ?? []).join('\n');
}
