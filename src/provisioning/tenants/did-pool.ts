/**
 * A DID pool: the numbers that one tenant may use on one trunk, written as `n` and `a-b` separated by `;`.
 * Entries have no `+`, `0` or `00` in front, ranges ascend, and no two entries share a number; so the sorted entries are
 * disjoint and a look-up is one binary search.
 */

/** A pool was refused; `entry` is the part of the text at fault. */
export class DidPoolError extends Error {
  readonly entry: string;

  constructor(entry: string, message: string) {
    super(`"${shorten(entry)}" ${message}`);
    this.name = 'DidPoolError';
    this.entry = entry;
  }
}

export interface DidRange {
  readonly first: number;
  readonly last: number;
}

/** The guide itself writes ranges with an en dash ("1000–2000"); hyphens, dashes and the minus sign of Unicode are read alike. */
const ENTRY = /^([0-9]{1,15})(?:\s*[-\u2010-\u2015\u2212]\s*([0-9]{1,15}))?$/;

export class DidPool {
  static readonly EMPTY = new DidPool([], []);

  /**
   * First and last number of each entry, ascending. Plain arrays: most pools are small, and each buffer of typed numbers is one more
   * object beside the heap.
   */
  readonly firsts: readonly number[];
  readonly lasts: readonly number[];

  private constructor(firsts: readonly number[], lasts: readonly number[]) {
    this.firsts = firsts;
    this.lasts = lasts;
  }

  /** Reads a pool; throws {@link DidPoolError} naming the entry at fault. An empty text is an empty pool. */
  static parse(text: string): DidPool {
    if (text.trim() === '') return DidPool.EMPTY;
    const parts = text.split(';');
    // A separator after the last entry is harmless.
    if (parts.length > 1 && parts[parts.length - 1]?.trim() === '') parts.pop();
    const firsts: number[] = [];
    const lasts: number[] = [];
    let ascending = true;
    for (let index = 0; index < parts.length; index += 1) {
      const entry = parseEntry((parts[index] ?? '').trim());
      firsts.push(entry.first);
      lasts.push(entry.last);
      if (index > 0 && entry.first <= (lasts[index - 1] ?? 0)) ascending = false;
    }
    // A copy has no room to grow.
    return ascending ? new DidPool(firsts.slice(), lasts.slice()) : DidPool.fromUnsorted(firsts, lasts);
  }

  /** Entries share no number exactly when their firsts and lasts, each sorted by itself, alternate; then the sorted lists belong together. */
  private static fromUnsorted(firsts: readonly number[], lasts: readonly number[]): DidPool {
    // Typed arrays are sorted without a call for each comparison.
    const sortedFirsts = new Float64Array(firsts).sort();
    const sortedLasts = new Float64Array(lasts).sort();
    for (let index = 1; index < sortedFirsts.length; index += 1) {
      const number = sortedFirsts[index] ?? 0;
      if (number > (sortedLasts[index - 1] ?? 0)) continue;
      const [before, here] = holdersOf(number, firsts, lasts);
      throw new DidPoolError(formatRange(here), `overlaps "${formatRange(before)}" in the same pool`);
    }
    return new DidPool([...sortedFirsts], [...sortedLasts]);
  }

  /** How many entries the pool has. */
  get size(): number {
    return this.firsts.length;
  }

  /** How many numbers the pool holds. */
  get count(): number {
    let count = 0;
    for (let index = 0; index < this.size; index += 1)
      count += (this.lasts[index] ?? 0) - (this.firsts[index] ?? 0) + 1;
    return count;
  }

  range(index: number): DidRange {
    return { first: this.firsts[index] ?? 0, last: this.lasts[index] ?? 0 };
  }

  /** Says whether a normalised number ({@link normalizeNumber}) is in the pool; `undefined` never is. O(log entries). */
  contains(number: number | undefined): boolean {
    if (number === undefined) return false;
    const index = lastAtMost(this.firsts, number);
    return index >= 0 && number <= (this.lasts[index] ?? 0);
  }

  /** Says whether every number of the range is in the pool; adjacent entries count as one. */
  containsRange(range: DidRange): boolean {
    let index = lastAtMost(this.firsts, range.first);
    let reached = range.first;
    for (; index >= 0 && index < this.size; index += 1) {
      if ((this.firsts[index] ?? 0) > reached) return false;
      if (range.last <= (this.lasts[index] ?? 0)) return true;
      reached = (this.lasts[index] ?? 0) + 1;
    }
    return false;
  }

  /** The pool in its canonical form: ascending, `; ` between entries. */
  toString(): string {
    const entries: string[] = [];
    for (let index = 0; index < this.size; index += 1) entries.push(formatRange(this.range(index)));
    return entries.join('; ');
  }
}

/** Two entries that hold a number: the one that begins before it, if there is one, and those that are written first. */
function holdersOf(number: number, firsts: readonly number[], lasts: readonly number[]): [DidRange, DidRange] {
  const range = (index: number): DidRange => ({ first: firsts[index] ?? 0, last: lasts[index] ?? 0 });
  const around = firsts.findIndex((first, index) => first < number && number <= (lasts[index] ?? 0));
  const here = firsts.indexOf(number);
  return around >= 0 ? [range(around), range(here)] : [range(here), range(firsts.indexOf(number, here + 1))];
}

/** Reads `n` or `a-b` under the rules of a pool entry; throws {@link DidPoolError}. */
export function parseEntry(text: string): DidRange {
  const number = plainNumber(text);
  if (number > 0) return { first: number, last: number };
  const match = ENTRY.exec(text);
  if (match === null) {
    if (text === '') throw new DidPoolError(text, 'is an empty entry');
    if (text.startsWith('+'))
      throw new DidPoolError(text, 'must not begin with "+": enter the number without its prefix');
    throw new DidPoolError(text, 'must be a number of 1 to 15 digits or a range such as 1000-2000');
  }
  const first = match[1] ?? '';
  const last = match[2] ?? first;
  refuseLeadingZero(text, first);
  refuseLeadingZero(text, last);
  const range = { first: Number(first), last: Number(last) };
  if (range.first > range.last) throw new DidPoolError(text, 'is reversed: its first number exceeds its last');
  return range;
}

/** Most entries are a number alone: it is read without an expression. 0: it is something else. */
function plainNumber(text: string): number {
  if (text.length > MOST_DIGITS || text.charCodeAt(0) === ZERO) return 0;
  let number = 0;
  for (let at = 0; at < text.length; at += 1) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return 0;
    number = number * 10 + digit;
  }
  return number;
}

const MOST_DIGITS = 15;
const ZERO = 0x30;

function refuseLeadingZero(entry: string, digits: string): void {
  if (digits.startsWith('00'))
    throw new DidPoolError(entry, 'must not begin with "00": enter the number without its prefix');
  if (digits.startsWith('0'))
    throw new DidPoolError(entry, 'must not begin with "0": enter the number without its prefix');
}

export function formatRange(range: DidRange): string {
  return range.first === range.last ? String(range.first) : `${range.first}-${range.last}`;
}

/** Index of the last value that is at most `key` in an ascending array, or -1. */
export function lastAtMost(ascending: ArrayLike<number>, key: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? 0) <= key) low = middle + 1;
    else high = middle - 1;
  }
  return high;
}

function shorten(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`;
}
