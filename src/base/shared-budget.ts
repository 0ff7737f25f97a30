import { peerOf } from './source.ts';

/** So many are known though they hold nothing: a table that goes from one to none and back is made anew each time. */
const FEW = 16;
/** One source may have so many times what nobody has. */
const SHARE_OF_FREE = 3;

interface Peer {
  held: number;
  /** Its sources in the table. */
  sources: number;
}

interface Holder {
  held: number;
  /** Whose source it is; undefined: of nobody who has others. */
  readonly peer: Peer | undefined;
}

/** How much one source holds of something, and all of them together. */
export class SharedBudget {
  total = 0;
  readonly #most: number;
  readonly #held = new Map<string, Holder>();
  /** Those of several sources (`source.ts`). */
  readonly #peers = new Map<string, Peer>();

  constructor(most: number) {
    this.#most = most;
  }

  /** How full it is: 1 is the limit. */
  get fill(): number {
    return this.total / this.#most;
  }

  /**
   * Whether a source has its share of so many times the limit. It may hold three times what is free: alone three quarters of all, and
   * whoever comes then three quarters of the rest. So no source, or address that is forged, takes it all, and one that is alone is not
   * held to an equal share. (The dynamic thresholds of Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998.) A peer of
   * many addresses has that share, and each of them three times what is left of it.
   */
  hasShare(source: string, times: number): boolean {
    const holder = this.#held.get(source);
    const held = holder?.held ?? 0;
    const share = SHARE_OF_FREE * (times * this.#most - this.total);
    const peer = holder === undefined ? this.#peerOf(source) : holder.peer;
    return peer === undefined ? held >= share : held >= SHARE_OF_FREE * (share - peer.held);
  }

  /** Those that have their share of the limit, and how much each of the others may take until it has. Not for peers of many addresses. */
  shares(): { readonly full: readonly string[]; readonly left: number } {
    let left = this.#leftFor(0);
    const full: string[] = [];
    for (const [source, { held }] of this.#held) {
      const ofSource = this.#leftFor(held);
      if (ofSource > 0) left = Math.min(left, ofSource);
      else full.push(source);
    }
    return { full, left };
  }

  /** How much one that holds so much may take until it has its share: what it takes is free no more. */
  #leftFor(held: number): number {
    return Math.max(0, Math.ceil((SHARE_OF_FREE * (this.#most - this.total) - held) / (SHARE_OF_FREE + 1)));
  }

  change(source: string, by: number): void {
    this.total += by;
    const holder = this.#held.get(source) ?? this.#add(source);
    holder.held += by;
    const { peer } = holder;
    if (peer !== undefined) peer.held += by;
    if (holder.held > 0 || this.#held.size <= FEW) return;
    this.#held.delete(source);
    if (peer !== undefined && --peer.sources === 0) this.#peers.delete(peerOf(source));
  }

  clear(): void {
    this.total = 0;
    this.#held.clear();
    this.#peers.clear();
  }

  #peerOf(source: string): Peer | undefined {
    const peer = peerOf(source);
    return peer === source ? undefined : this.#peers.get(peer);
  }

  #add(source: string): Holder {
    const name = peerOf(source);
    let peer: Peer | undefined;
    if (name !== source) {
      peer = this.#peers.get(name) ?? { held: 0, sources: 0 };
      peer.sources++;
      this.#peers.set(name, peer);
    }
    const holder = { held: 0, peer };
    this.#held.set(source, holder);
    return holder;
  }
}
