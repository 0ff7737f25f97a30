/**
 * Immutable lists of very many items. An edited copy shares all but the chunks in which something is different, so that one item of twenty
 * thousand is replaced for some kilobytes. Short lists are arrays, which are copied as fast. What goes to another thread or process goes as JSON
 * or as an array of its items: a structured clone of a long list is no list any more.
 */
import type { Steps } from './steps.ts';

/** What arrays and these lists have in common. */
export interface List<T> extends Iterable<T> {
  readonly length: number;
  /** Negative places count from the end. */
  at(place: number): T | undefined;
  entries(): Iterable<[place: number, item: T]>;
  map<U>(of: (item: T, place: number) => U): U[];
  filter(is: (item: T) => boolean): T[];
  find(is: (item: T) => boolean): T | undefined;
  some(is: (item: T) => boolean): boolean;
  indexOf(item: T): number;
}

const CHUNK_BITS = 7;
const CHUNK = 1 << CHUNK_BITS;
/** As many are one array. */
const FEW = 4 * CHUNK;

abstract class Listed<T> implements List<T> {
  abstract readonly length: number;

  protected abstract get(place: number): T;

  at(place: number): T | undefined {
    const from = place < 0 ? place + this.length : place;
    return from >= 0 && from < this.length ? this.get(from) : undefined;
  }

  *[Symbol.iterator](): Generator<T, undefined> {
    for (let place = 0; place < this.length; place++) yield this.get(place);
  }

  *entries(): Generator<[place: number, item: T], undefined> {
    for (let place = 0; place < this.length; place++) yield [place, this.get(place)];
  }

  map<U>(of: (item: T, place: number) => U): U[] {
    return Array.from({ length: this.length }, (_each, place) => of(this.get(place), place));
  }

  filter(is: (item: T) => boolean): T[] {
    const found: T[] = [];
    for (let place = 0; place < this.length; place++) {
      const item = this.get(place);
      if (is(item)) found.push(item);
    }
    return found;
  }

  find(is: (item: T) => boolean): T | undefined {
    for (let place = 0; place < this.length; place++) {
      const item = this.get(place);
      if (is(item)) return item;
    }
    return undefined;
  }

  some(is: (item: T) => boolean): boolean {
    for (let place = 0; place < this.length; place++) if (is(this.get(place))) return true;
    return false;
  }

  indexOf(item: T): number {
    for (let place = 0; place < this.length; place++) if (this.get(place) === item) return place;
    return -1;
  }

  /** As JSON it is an array. */
  toJSON(): T[] {
    return [...this];
  }
}

class ChunkedList<T> extends Listed<T> {
  readonly length: number;
  /** All but the last are full. */
  readonly chunks: readonly (readonly T[])[];

  constructor(chunks: readonly (readonly T[])[]) {
    super();
    this.chunks = chunks;
    const last = chunks.at(-1);
    this.length = last === undefined ? 0 : (chunks.length - 1) * CHUNK + last.length;
  }

  protected get(place: number): T {
    return this.chunks[place >> CHUNK_BITS]?.[place & (CHUNK - 1)] as T;
  }
}

/** Each item of another list as something else. */
class MappedList<S, T> extends Listed<T> {
  readonly #list: List<S>;
  readonly #of: (item: S) => T;

  constructor(list: List<S>, of: (item: S) => T) {
    super();
    this.#list = list;
    this.#of = of;
  }

  get length(): number {
    return this.#list.length;
  }

  protected get(place: number): T {
    return this.#of(this.#list.at(place) as S);
  }
}

/** A list that is asked for each item again whenever that is wanted: `of` is to be quick. */
export function mapped<S, T>(list: List<S>, of: (item: S) => T): List<T> {
  return new MappedList(list, of);
}

/** The list with other items in some places, and more at its end. */
export function* edited<T>(list: List<T>, replaced: ReadonlyMap<number, T>, added: readonly T[]): Steps<List<T>> {
  if (list.length + added.length <= FEW) {
    const items = [...list];
    for (const [place, item] of replaced) items[place] = item;
    return items.concat(added);
  }
  const chunks = [...(yield* chunksOf(list))];
  const fresh = new Set<number>();
  /** The chunk to write in, which nobody else has. */
  const own = (at: number): T[] => {
    if (!fresh.has(at)) chunks[at] = chunks[at]?.slice() ?? [];
    fresh.add(at);
    return chunks[at] as T[];
  };
  let count = 0;
  for (const [place, item] of replaced) {
    own(place >> CHUNK_BITS)[place & (CHUNK - 1)] = item;
    if (++count % CHUNK === 0) yield;
  }
  for (const item of added) {
    own((chunks.at(-1)?.length ?? CHUNK) === CHUNK ? chunks.length : chunks.length - 1).push(item);
    if (++count % CHUNK === 0) yield;
  }
  return new ChunkedList(chunks);
}

/** The list without the items in these places, which ascend. */
export function* without<T>(list: List<T>, places: readonly number[]): Steps<List<T>> {
  const [first] = places;
  if (first === undefined) return list;
  const gone = new Set(places);
  const before = yield* chunksOf(list);
  const chunks = before.slice(0, first >> CHUNK_BITS);
  let chunk: T[] = [];
  for (let place = chunks.length * CHUNK; place < list.length; place++) {
    if (place % CHUNK === 0) yield;
    if (gone.has(place)) continue;
    if (chunk.length === CHUNK) {
      chunks.push(chunk);
      chunk = [];
    }
    chunk.push(list.at(place) as T);
  }
  chunks.push(chunk);
  return list.length - gone.size <= FEW ? chunks.flat() : new ChunkedList(chunks);
}

function* chunksOf<T>(list: List<T>): Steps<readonly (readonly T[])[]> {
  if (list instanceof ChunkedList) return list.chunks;
  const items = Array.isArray(list) ? (list as readonly T[]) : [...list];
  const chunks: (readonly T[])[] = [];
  for (let place = 0; place < items.length; place += CHUNK) {
    chunks.push(items.slice(place, place + CHUNK));
    yield;
  }
  return chunks;
}
