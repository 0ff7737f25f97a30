/** One owner's part of a ring. */
const PART = 1 / 8;

/**
 * Whose what is kept in a ring is, so that one owner evicts no other's: of an owner that has its part of the ring the rest is kept in another
 * one, as large. The latest of all are there, as in one ring alone, and older ones of owners that have few, unless eight or more fill it.
 */
export class RingParts {
  readonly #most: number;
  readonly #counts = new Map<string, number>();

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

  /** Whether the owner has others in the ring. */
  left(owner: string): boolean {
    const count = (this.#counts.get(owner) ?? 0) - 1;
    if (count > 0) this.#counts.set(owner, count);
    else this.#counts.delete(owner);
    return count > 0;
  }
}
