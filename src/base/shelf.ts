import { randomBytes } from 'node:crypto';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from './scheduler.ts';

/** Nothing was found. */
export const NONE = -1;

/** Records are written one behind the other into pieces of memory of this size; the first ones are smaller, each twice as large as the one before. */
const SLAB_BITS = 18;
const SLAB_OCTETS = 1 << SLAB_BITS;
const FIRST_SLAB_OCTETS = 4_096;
/** Whatever is allowed: far below what a place can number, 2^32 octets. */
const MOST_OCTETS = 1_024 * SLAB_OCTETS;
/** So many pieces that are empty again are kept for what comes next. */
const SPARE_SLABS = 16;
/** Records begin at multiples of 8, for their times. */
const ALIGNMENT = 8;
const FIRST_PLACES = 256;
/**
 * Records to a place, on the average, before there are more places: nearly every look is for what is not there, and each record that shares
 * its place is one more line from memory that the processor's caches do not have.
 */
const CROWD = 0.5;
/** Shorter texts are written sooner than the runtime is called to write them. */
const LONGEST_BY_HAND = 40;
/** Many end in each second: those that are due within this time after the first end with the next. */
const PAUSE_MS = 250;

// What a record begins with, in words of 4 octets: its time (two words), the next of its place, its hash, its octets, those with what it left unused of
// the piece before, three numbers of its user, its texts' ends.
const NEXT = 2;
const HASH = 3;
const OCTETS = 4;
const ROOM = 5;
const NUMBERS = 6;
const MOST_NUMBERS = 3;
const ENDS = NUMBERS + MOST_NUMBERS;
/** With the name. */
const MOST_TEXTS = 5;
const HEAD_OCTETS = 4 * (ENDS + MOST_TEXTS);

const SEED = randomBytes(4).readInt32LE();
const FACTOR = randomBytes(4).readInt32LE() | 1;

interface Slab {
  readonly octets: Buffer;
  readonly words: Int32Array;
  readonly times: Float64Array;
  /** Octets written. */
  used: number;
}

/**
 * Records that all stay for the same time: found by name, first in, first out, one timer for all of them; beyond so
 * many octets, which may be texts of a peer's making, the oldest end sooner. They are octets outside of the heap, so a hundred thousand of them are no work for the garbage collector, which would mark each
 * text of each again and again.
 *
 * A record is a name, up to three numbers (32 bits) and up to four texts (latin1). Who looks for one gets its place, which is good
 * until the next is added or the event loop's next turn. Names may be of a peer's choice: which of them share a place differs from process
 * to process. Records of one name are found one behind the other, so what tells them belongs into the name, or the hash beside it, where
 * there may be many.
 */
export class Shelf implements TimerTarget {
  readonly #scheduler: Scheduler;
  readonly #stayMs: number;
  readonly #onGone: ((at: number) => void) | undefined;
  readonly #mostOctets: number;
  /** By number, which is the upper part of a record's place. */
  readonly #slabs: (Slab | undefined)[] = [];
  /** Numbers of those in use, in the order of writing, and of the rest. */
  #inUse: number[] = [];
  #spare: number[] = [];
  /** Where the first record stands in the first of them. */
  #firstOffset = 0;
  #nextSlabOctets = FIRST_SLAB_OCTETS;
  /** Of all pieces, the empty ones too. */
  #octets = 0;
  /** First record of each place. */
  #places = new Int32Array(0);
  #size = 0;
  #timer: Timer | undefined = undefined;

  /**
   * @param mostOctets that all records take, 256 MB at most; in pieces of 256 KB, of which there is always one
   * @param onGone a record's time has come, or its room is needed; it can be read until this returns
   */
  constructor(scheduler: Scheduler, stayMs: number, mostOctets: number, onGone?: (at: number) => void) {
    this.#scheduler = scheduler;
    this.#stayMs = stayMs;
    this.#mostOctets = Math.min(mostOctets, MOST_OCTETS);
    this.#onGone = onGone;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * While the room of all records is below this, none ends before its time: what is allowed, but for the piece that is being written, the one
   * whose first records have ended, and a long record.
   */
  get sureOctets(): number {
    return Math.max(this.#mostOctets - 3 * SLAB_OCTETS, this.#mostOctets / 2);
  }

  /** What its pieces take outside of the heap. */
  get octets(): number {
    return this.#octets;
  }

  /**
   * All of both lists is written, and neither is kept.
   *
   * @param hash by which it is found with its name: of what else tells it, by {@link secretHash}
   * @returns its {@link room}
   */
  add(name: string, numbers: readonly number[] = [], texts: readonly string[] = [], hash = SEED): number {
    let length = HEAD_OCTETS + name.length;
    for (const text of texts) length += text.length;
    const octets = Math.ceil(length / ALIGNMENT) * ALIGNMENT;
    if (this.#size >= CROWD * this.#places.length) this.#spread(Math.max(FIRST_PLACES, 2 * this.#places.length));
    const last = this.#last;
    const unused = last === undefined ? 0 : last.octets.length - last.used;
    const number = this.#roomFor(octets);
    const slab = this.#slabs[number] as Slab;
    const room = slab === last ? octets : unused + octets;
    const offset = slab.used;
    slab.used += octets;
    const { words } = slab;
    const word = offset / 4;
    slab.times[offset / 8] = this.#scheduler.nowMs() + this.#stayMs;
    words[word + OCTETS] = octets;
    words[word + ROOM] = room;
    for (let index = 0; index < numbers.length; index++) words[word + NUMBERS + index] = numbers[index] as number;
    let end = offset + HEAD_OCTETS;
    end += write(name, slab.octets, end);
    words[word + ENDS] = end - offset;
    for (let index = 0; index < texts.length; index++) {
      end += write(texts[index] as string, slab.octets, end);
      words[word + ENDS + 1 + index] = end - offset;
    }
    const at = (number << SLAB_BITS) | offset;
    const ofAll = secretHash(name, hash);
    const place = ofAll & (this.#places.length - 1);
    words[word + HASH] = ofAll;
    words[word + NEXT] = this.#places[place] as number;
    this.#places[place] = at;
    this.#size++;
    this.#timer ??= this.#scheduler.schedule(this.#stayMs, this, 0);
    return room;
  }

  /** Octets of the pieces that a record takes, with those that it left unused of the piece before: of all records they are what the pieces hold. */
  room(at: number): number {
    return this.#word(at, ROOM);
  }

  /** The record of this name and hash that was added last. */
  first(name: string, hash = SEED): number {
    if (this.#size === 0) return NONE;
    const ofAll = secretHash(name, hash);
    return this.#named(name, ofAll, this.#places[ofAll & (this.#places.length - 1)] as number);
  }

  /** The one of the same that was added before it. */
  next(name: string, at: number): number {
    return this.#named(name, this.#word(at, HASH), this.#word(at, NEXT));
  }

  number(at: number, index: number): number {
    return this.#word(at, NUMBERS + index);
  }

  /** A text of a record; 0 is the first after its name. */
  text(at: number, index: number): string {
    const start = this.#word(at, ENDS + index);
    const end = this.#word(at, ENDS + 1 + index);
    const offset = offsetOf(at);
    return this.#slabAt(at).octets.toString('latin1', offset + start, offset + end);
  }

  /** Whether a text of a record is this one. */
  hasText(at: number, index: number, text: string): boolean {
    return this.#isAt(at, ENDS + index, text);
  }

  clear(): void {
    this.#timer = cancelTimer(this.#timer);
    this.#slabs.length = 0;
    this.#inUse = [];
    this.#spare = [];
    this.#firstOffset = 0;
    this.#nextSlabOctets = FIRST_SLAB_OCTETS;
    this.#octets = 0;
    this.#places = new Int32Array(0);
    this.#size = 0;
  }

  onTimer(): void {
    const nowMs = this.#scheduler.nowMs();
    this.#timer = undefined;
    let dueMs = this.#firstDueMs();
    for (; dueMs <= nowMs; dueMs = this.#firstDueMs()) this.#endFirst();
    if (this.#size > 0) this.#timer = this.#scheduler.schedule(Math.max(dueMs - nowMs, PAUSE_MS), this, 0);
  }

  #firstDueMs(): number {
    if (this.#size === 0) return Number.POSITIVE_INFINITY;
    const slab = this.#slabs[this.#inUse[0] as number] as Slab;
    return slab.times[this.#firstOffset / 8] as number;
  }

  #endFirst(): void {
    const number = this.#inUse[0] as number;
    const slab = this.#slabs[number] as Slab;
    const at = (number << SLAB_BITS) | this.#firstOffset;
    this.#onGone?.(at);
    this.#unlink(at);
    this.#size--;
    this.#firstOffset += this.#word(at, OCTETS);
    if (this.#firstOffset < slab.used) return;
    this.#firstOffset = 0;
    this.#inUse.shift();
    // The small ones of the beginning go, and one that was made for a long record; so do those of a busy hour.
    if (slab.octets.length !== SLAB_OCTETS || this.#spare.length >= SPARE_SLABS) {
      this.#slabs[number] = undefined;
      this.#octets -= slab.octets.length;
    } else {
      this.#spare.push(number);
    }
    slab.used = 0;
  }

  /** It is the oldest, and so the last of its place. */
  #unlink(at: number): void {
    const place = this.#word(at, HASH) & (this.#places.length - 1);
    let each = this.#places[place] as number;
    if (each === at) {
      this.#places[place] = NONE;
      return;
    }
    for (let next = this.#word(each, NEXT); next !== at; next = this.#word(each, NEXT)) each = next;
    this.#slabAt(each).words[wordOf(each) + NEXT] = NONE;
  }

  /** Number of the piece that takes the next record. */
  #roomFor(octets: number): number {
    const last = this.#last;
    if (last !== undefined && last.used + octets <= last.octets.length) return this.#inUse.at(-1) as number;
    const isLong = octets > SLAB_OCTETS;
    const newOctets = Math.max(this.#nextSlabOctets, octets);
    while ((isLong || this.#spare.length === 0) && this.#octets + newOctets > this.#mostOctets && this.#size > 0)
      this.#endFirst();
    const number = (isLong ? undefined : this.#spare.pop()) ?? this.#newSlab(newOctets);
    this.#inUse.push(number);
    return number;
  }

  /** The piece that is being written. */
  get #last(): Slab | undefined {
    const number = this.#inUse.at(-1);
    return number === undefined ? undefined : this.#slabs[number];
  }

  #newSlab(octets: number): number {
    const free = this.#slabs.indexOf(undefined);
    const number = free < 0 ? this.#slabs.length : free;
    const slab = newSlab(octets);
    this.#slabs[number] = slab;
    this.#octets += slab.octets.length;
    this.#nextSlabOctets = Math.min(2 * this.#nextSlabOctets, SLAB_OCTETS);
    return number;
  }

  #spread(places: number): void {
    this.#places = new Int32Array(places).fill(NONE);
    let offset = this.#firstOffset;
    for (const number of this.#inUse) {
      const { words, used } = this.#slabs[number] as Slab;
      for (; offset < used; offset += words[offset / 4 + OCTETS] as number) {
        const place = (words[offset / 4 + HASH] as number) & (places - 1);
        words[offset / 4 + NEXT] = this.#places[place] as number;
        this.#places[place] = (number << SLAB_BITS) | offset;
      }
      offset = 0;
    }
  }

  #named(name: string, hash: number, from: number): number {
    let at = from;
    while (at !== NONE && !(this.#word(at, HASH) === hash && this.#isAt(at, ENDS - 1, name))) at = this.#word(at, NEXT);
    return at;
  }

  /** Whether this is what stands between two ends. */
  #isAt(at: number, endBefore: number, text: string): boolean {
    const { octets } = this.#slabAt(at);
    const start = endBefore < ENDS ? HEAD_OCTETS : this.#word(at, endBefore);
    if (this.#word(at, endBefore + 1) !== start + text.length) return false;
    const from = offsetOf(at) + start;
    // What differs in tokens that were drawn or counted is their end.
    for (let index = text.length - 1; index >= 0; index--)
      if (octets[from + index] !== text.charCodeAt(index)) return false;
    return true;
  }

  #word(at: number, index: number): number {
    return this.#slabAt(at).words[wordOf(at) + index] as number;
  }

  #slabAt(at: number): Slab {
    return this.#slabs[at >>> SLAB_BITS] as Slab;
  }
}

/** 32 bits of a text, and of those that `before` is of; nobody outside knows which texts share them. */
export function secretHash(text: string, before = SEED): number {
  let hash = before;
  // Texts come in so many forms (slices, parts put together, unique ones) that each look at the length would be a call.
  const { length } = text;
  for (let index = 0; index < length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), FACTOR);
    hash ^= hash >>> 15;
  }
  return hash;
}

function newSlab(octets: number): Slab {
  const memory = new ArrayBuffer(Math.ceil(octets / ALIGNMENT) * ALIGNMENT);
  return {
    octets: Buffer.from(memory),
    words: new Int32Array(memory),
    times: new Float64Array(memory),
    used: 0,
  };
}

function write(text: string, to: Buffer, at: number): number {
  const { length } = text;
  if (length > LONGEST_BY_HAND) return to.write(text, at, 'latin1');
  for (let index = 0; index < length; index++) to[at + index] = text.charCodeAt(index);
  return length;
}

function offsetOf(at: number): number {
  return at & (SLAB_OCTETS - 1);
}

function wordOf(at: number): number {
  return offsetOf(at) >>> 2;
}
