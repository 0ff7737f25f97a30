interface Entry<First, Second, Value> {
  readonly first: First;
  readonly second: Second;
  value: Value;
  /** Since it was last looked at whether it may go. */
  isUsed: boolean;
}

/**
 * What was made of two keys, which are never put together, to be made again where it is not known. Beyond `most` each that comes in looks at
 * one of them in turn: where that was used since its last look it stays, and the new one is known until the next one comes; else it goes.
 * So what is in use stays known however many pass by, and what nobody asks for any more has no place for good.
 */
export class LatestPairs<First, Second, Value> {
  readonly #most: number;
  readonly #byFirst = new Map<First, Map<Second, Entry<First, Second, Value>>>();
  readonly #entries: Entry<First, Second, Value>[] = [];
  /** The one that is looked at next. */
  #next = 0;
  /** Has no place yet. */
  #newcomer: Entry<First, Second, Value> | undefined = undefined;

  /** @param most 1 at the least; one more that has just come is known beside them */
  constructor(most: number) {
    this.#most = most;
  }

  get(first: First, second: Second): Value | undefined {
    const entry = this.#byFirst.get(first)?.get(second);
    if (entry === undefined) return undefined;
    entry.isUsed = true;
    return entry.value;
  }

  set(first: First, second: Second, value: Value): void {
    const known = this.#byFirst.get(first)?.get(second);
    if (known !== undefined) {
      known.value = value;
      return;
    }
    const entry = { first, second, value, isUsed: true };
    if (this.#entries.length < this.#most) this.#entries.push(entry);
    else this.#takePlace(entry);
    const seconds = this.#byFirst.get(first);
    if (seconds === undefined) this.#byFirst.set(first, new Map([[second, entry]]));
    else seconds.set(second, entry);
  }

  #takePlace(entry: Entry<First, Second, Value>): void {
    if (this.#newcomer !== undefined) this.#forget(this.#newcomer);
    this.#newcomer = undefined;
    const at = this.#next;
    this.#next = (at + 1) % this.#most;
    const asked = this.#entries[at] as Entry<First, Second, Value>;
    if (asked.isUsed) {
      asked.isUsed = false;
      this.#newcomer = entry;
      return;
    }
    this.#forget(asked);
    this.#entries[at] = entry;
  }

  #forget({ first, second }: Entry<First, Second, Value>): void {
    const seconds = this.#byFirst.get(first);
    seconds?.delete(second);
    if (seconds?.size === 0) this.#byFirst.delete(first);
  }
}
