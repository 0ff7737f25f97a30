import { NEAR, type SessionParties } from './parties.ts';
import { connectionAddress, heldInactive } from './sdp.ts';

/** Descriptions of holds for sides that know `inactive` alone. */
export class Holds {
  readonly #parties: SessionParties;
  /** Where each side has said that it is. */
  readonly #addresses = new Map<string, string>();

  constructor(parties: SessionParties) {
    this.#parties = parties;
  }

  towardOther(from: string, sdp: string): string {
    const { near, far } = this.#parties;
    if ((from === NEAR ? far : near).holdsInactive !== true) return sdp;
    const address = connectionAddress(sdp);
    if (address !== undefined) this.#addresses.set(from, address);
    return heldInactive(sdp, this.#addresses.get(from));
  }
}
