/**
 * A map by texts, in the order in which they came, as a Map is. V8 (14) makes each text that is a key of a Map or a Set one of its unique
 * strings, and goes through all of these twice at the end of each collection of the whole heap, while everything stands still: with 10,000 trunks and
 * 20,000 tenants that was a third of it. Keys of this map stay the strings that they are. Gone through while it is changed it goes on as a Map does, or throws
 * where the places of its keys have been used again.
 */
import { randomFillSync } from 'node:crypto';

/** So many are looked through as fast as they are found. */
const FEW = 8;
const NO_LINKS = new Int32Array(0);
/** Drawn anew by each process: people choose names, and could choose them so that all are in one place. */
const FACTORS = randomFillSync(new Int32Array(256));
/** For texts that are longer: odd, so that nothing is lost. */
const FOLD = (FACTORS[0] as number) | 1;

export class TextMap<V> implements ReadonlyMap<string, V> {
  /** Undefined: deleted, and its place is used again when the map is spread. */
  #keys: (string | undefined)[] = [];
  #values: (V | undefined)[] = [];
  /**
   * Three parts of the same length, a power of two. First, by the last bits of a hash: where the latest key with such a hash is, counted from 1.
   * Then, by the place of a key: where the one before it is. Last, by the place of a key: its hash.
   */
  #links = NO_LINKS;
  #size = 0;

  constructor(entries: Iterable<readonly [string, V]> = []) {
    for (const [key, value] of entries) this.set(key, value);
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    const place = this.#placeOf(key);
    return place < 0 ? undefined : this.#values[place];
  }

  has(key: string): boolean {
    return this.#placeOf(key) >= 0;
  }

  set(key: string, value: V): this {
    const hash = this.#links.length > 0 ? hashOf(key) : undefined;
    const place = this.#placeOf(key, hash);
    if (place >= 0) {
      this.#values[place] = value;
      return this;
    }
    if (this.#keys.length >= Math.max(FEW, this.#links.length / 3)) this.#spread();
    this.#keys.push(key);
    this.#values.push(value);
    this.#size++;
    if (this.#links.length > 0) this.#link(this.#keys.length - 1, hash ?? hashOf(key));
    return this;
  }

  /** False when it is not there. */
  delete(key: string): boolean {
    const place = this.#placeOf(key);
    if (place < 0) return false;
    this.#keys[place] = undefined;
    this.#values[place] = undefined;
    this.#size--;
    return true;
  }

  /** Another with the same entries. */
  copy(): TextMap<V> {
    const copy = new TextMap<V>();
    copy.#keys = this.#keys.slice();
    copy.#values = this.#values.slice();
    copy.#links = this.#links.slice();
    copy.#size = this.#size;
    return copy;
  }

  /** @throws Error where what was set meanwhile stands at places of what was deleted: where to go on is not known then. */
  *entries(): MapIterator<[string, V]> {
    const keys = this.#keys;
    for (let place = 0; place < keys.length; place++) {
      const key = keys[place];
      if (key !== undefined) yield [key, this.#values[place] as V];
      if (keys !== this.#keys) throw new Error('a TextMap was changed while it was gone through');
    }
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }

  *keys(): MapIterator<string> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this.entries()) visit(value, key, this);
  }

  /** -1: it is not there. */
  #placeOf(key: string, known?: number): number {
    if (this.#links.length === 0) return this.#keys.indexOf(key);
    const [links, length] = [this.#links, this.#links.length / 3];
    const hash = known ?? hashOf(key);
    for (let at = links[hash & (length - 1)] as number; at > 0; at = links[length + at - 1] as number)
      if (links[2 * length + at - 1] === hash && this.#keys[at - 1] === key) return at - 1;
    return -1;
  }

  #link(place: number, hash: number): void {
    const [links, length] = [this.#links, this.#links.length / 3];
    const first = hash & (length - 1);
    links[length + place] = links[first] as number;
    links[2 * length + place] = hash;
    links[first] = place + 1;
  }

  /** Makes room, at first where keys were deleted. */
  #spread(): void {
    const [keys, values, links] = [this.#keys, this.#values, this.#links];
    const length = links.length / 3;
    if (this.#size < keys.length) [this.#keys, this.#values] = [[], []];
    const spread = 2 ** Math.ceil(Math.log2(Math.max(2 * FEW, 2 * this.#size)));
    this.#links = new Int32Array(3 * spread);
    let last = 0;
    for (let place = 0; place < keys.length; place++) {
      const key = keys[place];
      if (key === undefined) continue;
      if (keys !== this.#keys) {
        this.#keys.push(key);
        this.#values.push(values[place]);
      }
      this.#link(last++, length > 0 ? (links[2 * length + place] as number) : hashOf(key));
    }
  }
}

/**
 * The sum of the characters, each times the random factor of its place: for any two texts a difference that only these know (multilinear
 * hashing), best in the first bits, on which the last ones depend. A character counts one more than it is, so that one of 0 counts.
 */
function hashOf(text: string): number {
  let hash = 0;
  for (let from = 0; from < text.length; from += FACTORS.length) {
    const end = Math.min(text.length, from + FACTORS.length);
    if (from > 0) hash = Math.imul(hash ^ (hash >>> 15), FOLD);
    for (let at = from; at < end; at++)
      hash = (hash + Math.imul(FACTORS[at - from] as number, text.charCodeAt(at) + 1)) | 0;
  }
  return hash ^ (hash >>> 15);
}
