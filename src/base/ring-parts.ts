/** One owner's part of a ring. */
const PART = 1 / 8;
/** The same of its octets: of a ring with long texts nearly half may be lost at the ends of its pieces of memory. */
const OCTETS_PART = PART / 2;
/** Owners of whom the latest that is lost is known; of more the latest of all stands for each. */
const MOST_OWNERS = 10_000;

/** Hears of what is in a ring: whose it is, and how many octets it has. */
export interface RingAudience {
  /** It has its octets from here on. */
  onKept?(owner: string, octets: number): void;
  /** It is kept no more. @param number of all that came, in the order in which they came */
  onGone(owner: string, octets: number, number: number): void;
}

/**
 * Whose what is kept in a ring is, so that one owner evicts no other's: of an owner that has its part of the ring the rest is kept in another
 * one, as large. The latest of all are there, as in one ring alone, and older ones of owners that have few, unless eight or more fill it.
 */
export class RingParts {
  readonly first: RingAudience = {
    onKept: (owner, octets) => this.grew(owner, octets),
    onGone: (owner, octets, number) => {
      this.left(owner, octets);
      this.#lose(owner, number);
    },
  };
  /** Of the other one. */
  readonly further: RingAudience = { onGone: (owner, _octets, number) => this.#lose(owner, number) };
  readonly #most: number;
  readonly #mostOctets: number;
  readonly #parts = new Map<string, { count: number; octets: number }>();
  /** Number of the latest that is lost, by owner. */
  readonly #lost = new Map<string, number>();
  #lostOfOthers = -1;
  #lostOfAll = -1;

  /** @param mostOctets of the ring */
  constructor(capacity: number, mostOctets: number) {
    this.#most = PART * capacity;
    this.#mostOctets = OCTETS_PART * mostOctets;
  }

  /** Whether one more of this owner's is kept in the ring; it counts until it has {@link left}. */
  takes(owner: string): boolean {
    const part = this.#parts.get(owner);
    if (part === undefined) this.#parts.set(owner, { count: 1, octets: 0 });
    else if (part.count >= this.#most || part.octets >= this.#mostOctets) return false;
    else part.count++;
    return true;
  }

  /** One of the owner's in the ring has so many octets more. */
  grew(owner: string, octets: number): void {
    const part = this.#parts.get(owner);
    if (part !== undefined) part.octets += octets;
  }

  /** @param octets all that it {@link grew} by */
  left(owner: string, octets: number): void {
    const part = this.#parts.get(owner);
    if (part === undefined) return;
    part.count--;
    part.octets -= octets;
    if (part.count === 0) this.#parts.delete(owner);
  }

  #lose(owner: string, number: number): void {
    this.#lostOfAll = Math.max(this.#lostOfAll, number);
    if (this.#lost.size >= MOST_OWNERS && !this.#lost.has(owner)) {
      this.#lost.clear();
      this.#lostOfOthers = this.#lostOfAll;
    }
    this.#lost.set(owner, Math.max(number, this.lostOf(owner)));
  }

  /** Number of the latest that is lost of an owner, or of all; -1: none. Those of it before that are as good as lost: each has its latest. */
  lostOf(owner?: string): number {
    return owner === undefined ? this.#lostOfAll : (this.#lost.get(owner) ?? this.#lostOfOthers);
  }
}
