/** Once it is gone it says neither what it held nor what came after it: in the old space it would keep those from being collected. */
interface Entry<Key, Value> {
  readonly key: Key;
  value: Value | undefined;
  older: Entry<Key, Value> | undefined;
  newer: Entry<Key, Value> | undefined;
}

/**
 * A map of the latest entries: of more than `most` the oldest is forgotten. One that is set again is the latest. Goes through them from
 * the oldest on.
 *
 * Each entry knows its neighbours, so one costs the same however many there are. A Map alone finds its first key by walking over all that
 * were deleted before it: tens of thousands, where as many are kept.
 */
export class Latest<Key, Value> implements Iterable<[Key, Value]> {
  readonly #most: number;
  readonly #entries = new Map<Key, Entry<Key, Value>>();
  #oldest: Entry<Key, Value> | undefined = undefined;
  #newest: Entry<Key, Value> | undefined = undefined;
  /** Of those who go through them now. */
  #walks = 0;

  /** @param most 1 at the least */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  set(key: Key, value: Value): void {
    const former = this.#entries.get(key);
    if (former !== undefined) this.#unlink(former);
    // It has grown old, and is used again, but where somebody stands at it, who finds the way on from one that is gone, not from one that has moved.
    if (former !== undefined && this.#walks === 0) {
      former.value = value;
      this.#append(former);
      return;
    }
    // Not deleted and set again: a Map is made anew each time that deleted entries fill it. Its key is the one that has grown old.
    const entry = { key: former === undefined ? key : former.key, value, older: undefined, newer: undefined };
    this.#append(entry);
    this.#entries.set(entry.key, entry);
    if (this.#entries.size > this.#most && this.#oldest !== undefined) this.delete(this.#oldest.key);
  }

  delete(key: Key): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#unlink(entry);
    return this.#entries.delete(key);
  }

  #append(entry: Entry<Key, Value>): void {
    entry.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #unlink(entry: Entry<Key, Value>): void {
    const { older, newer } = entry;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    entry.value = undefined;
    entry.newer = undefined;
  }

  /** As with a Map, entries may be deleted and set meanwhile: one that is gone is not reached, one that is new is. */
  *[Symbol.iterator](): Generator<[Key, Value]> {
    for (const { key, value } of this.#walk()) yield [key, value as Value];
  }

  *keys(): Generator<Key> {
    for (const { key } of this.#walk()) yield key;
  }

  *values(): Generator<Value> {
    for (const { value } of this.#walk()) yield value as Value;
  }

  *#walk(): Generator<Entry<Key, Value>> {
    this.#walks++;
    try {
      for (let entry = this.#oldest; entry !== undefined; entry = this.#after(entry)) yield entry;
    } finally {
      this.#walks--;
    }
  }

  /** What comes after one that may be gone by now: it knows the one that was before it, which may be gone as well. */
  #after(reached: Entry<Key, Value>): Entry<Key, Value> | undefined {
    let last: Entry<Key, Value> | undefined = reached;
    while (last !== undefined && this.#entries.get(last.key) !== last) last = last.older;
    return last === undefined ? this.#oldest : last.newer;
  }
}
