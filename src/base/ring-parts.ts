/** One owner's part of a ring. */
const PART = 1 / 8;
/** Owners of whom the latest that is lost is known; of more the latest of all stands for each. */
const MOST_OWNERS = 10_000;

/**
 * Whose what is kept in a ring is, so that one owner evicts no other's: of an owner that has its part of the ring the rest is kept in another
 * one, as large. The latest of all are there, as in one ring alone, and older ones of owners that have few, unless eight or more fill it.
 */
export class RingParts {
  readonly #most: number;
  readonly #counts = new Map<string, number>();
  /** Number of the latest that is lost, by owner. */
  readonly #lost = new Map<string, number>();
  #lostOfOthers = -1;
  #lostOfAll = -1;

  constructor(capacity: number) {
    this.#most = PART * capacity;
  }

  /** Whether one more of this owner's is kept in the ring; it counts until it has {@link left}. */
  takes(owner: string): boolean {
    const count = this.#counts.get(owner) ?? 0;
    if (count >= this.#most) return false;
    this.#counts.set(owner, count + 1);
    return true;
  }

  left(owner: string): void {
    const count = (this.#counts.get(owner) ?? 0) - 1;
    if (count > 0) this.#counts.set(owner, count);
    else this.#counts.delete(owner);
  }

  /** One of either ring is gone. @param number of all that came, in the order in which they came */
  lose(owner: string, number: number): void {
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
