import { Latest } from './latest.ts';

/**
 * A map by two keys, which are never put together. Beyond `most` entries all of the oldest first key are forgotten: who is still asked for
 * comes back with its next use, and nobody keeps the place of another for good.
 */
export class LatestPairs<First, Second, Value> {
  readonly #most: number;
  readonly #byFirst: Latest<First, Map<Second, Value>>;
  #size = 0;

  /** @param most 1 at the least */
  constructor(most: number) {
    this.#most = most;
    this.#byFirst = new Latest(most);
  }

  get(first: First, second: Second): Value | undefined {
    return this.#byFirst.get(first)?.get(second);
  }

  set(first: First, second: Second, value: Value): void {
    if (this.#byFirst.get(first)?.has(second) !== true) {
      if (this.#size >= this.#most) this.#forgetOldest();
      this.#size++;
    }
    const known = this.#byFirst.get(first);
    if (known === undefined) this.#byFirst.set(first, new Map([[second, value]]));
    else known.set(second, value);
  }

  #forgetOldest(): void {
    for (const [first, values] of this.#byFirst) {
      this.#byFirst.delete(first);
      this.#size -= values.size;
      return;
    }
  }
}
