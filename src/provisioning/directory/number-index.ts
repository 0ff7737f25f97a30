/**
 * Who owns a number among many pools: all ranges in one ascending array, so that a look-up is one binary search whatever the
 * number of pools. Building it finds the numbers that two owners claim.
 */
import { type DidPool, type DidRange, lastAtMost } from '../tenants/did-pool.ts';

export interface OwnedPool {
  readonly owner: string;
  readonly pool: DidPool;
}

/** Numbers that two owners claim; `a` and `b` are positions in the list of pools, `a` the earlier, and the ranges are theirs whole. */
export interface NumberClaim {
  readonly a: number;
  readonly rangeA: DidRange;
  readonly b: number;
  readonly rangeB: DidRange;
}

const NO_CLAIMS: readonly NumberClaim[] = [];

export class NumberIndex {
  readonly #pools: readonly OwnedPool[];
  readonly #firsts: ArrayLike<number>;
  readonly #lasts: ArrayLike<number>;
  /** Position in the list of pools, per range; undefined: there is one pool. */
  readonly #holders: Uint32Array | undefined;
  /** The first claim found per pair of neighbours; empty when no number has two owners. */
  readonly claims: readonly NumberClaim[];

  constructor(pools: readonly OwnedPool[]) {
    this.#pools = pools;
    const [sole] = pools;
    if (sole !== undefined && pools.length === 1) {
      // In order already, and nobody else's.
      this.#firsts = sole.pool.firsts;
      this.#lasts = sole.pool.lasts;
      this.#holders = undefined;
      this.claims = NO_CLAIMS;
      return;
    }
    const sorted = concatenate(pools);
    const claims: NumberClaim[] = [];
    const size = coalesce(sorted, pools, claims);
    this.#firsts = sorted.firsts.subarray(0, size);
    this.#lasts = sorted.lasts.subarray(0, size);
    this.#holders = sorted.holders.subarray(0, size);
    this.claims = claims;
  }

  /** The owner of a normalised number, or undefined. O(log ranges). */
  owner(number: number): string | undefined {
    const holder = this.holder(number);
    // At -1 the runtime would look for a property of that name.
    return holder < 0 ? undefined : this.#pools[holder]?.owner;
  }

  /** Whether no number of a pool belongs to somebody else than this owner. */
  isFreeFor(owner: string, pool: DidPool): boolean {
    for (let range = 0; range < pool.size; range++) {
      const { first, last } = pool.range(range);
      for (let at = lastAtMost(this.#firsts, last); at >= 0 && (this.#lasts[at] ?? 0) >= first; at--)
        if (this.#pools[this.#holderAt(at)]?.owner !== owner) return false;
    }
    return true;
  }

  /** Position of a pool that holds the number; of pools of one owner that meet, the one that begins lower. -1 for nobody's. */
  holder(number: number): number {
    const index = lastAtMost(this.#firsts, number);
    if (index < 0 || number > (this.#lasts[index] ?? 0)) return -1;
    return this.#holderAt(index);
  }

  #holderAt(range: number): number {
    return this.#holders === undefined ? 0 : (this.#holders[range] ?? -1);
  }
}

interface Ranges {
  readonly firsts: Float64Array;
  readonly lasts: Float64Array;
  readonly holders: Uint32Array;
}

/** All ranges ascending by first number: each pool is ascending already, so its run is merged with its neighbour's until one is left. */
function concatenate(pools: readonly OwnedPool[]): Ranges {
  const order = pools.map((_, index) => index).filter((index) => (pools[index]?.pool.size ?? 0) > 0);
  order.sort((a, b) => firstOf(pools[a]) - firstOf(pools[b]));
  const size = order.reduce((sum, index) => sum + (pools[index]?.pool.size ?? 0), 0);
  let ranges = emptyRanges(size);
  /** Where each ascending run ends. */
  let ends: number[] = [];
  let at = 0;
  for (const index of order) {
    const pool = pools[index]?.pool;
    if (pool === undefined) continue;
    ranges.firsts.set(pool.firsts, at);
    ranges.lasts.set(pool.lasts, at);
    ranges.holders.fill(index, at, at + pool.size);
    const continues = at > 0 && (pool.firsts[0] ?? 0) >= (ranges.firsts[at - 1] ?? 0);
    at += pool.size;
    if (continues) ends[ends.length - 1] = at;
    else ends.push(at);
  }
  let spare = ends.length > 1 ? emptyRanges(size) : ranges;
  while (ends.length > 1) {
    ends = mergeNeighbours(ranges, ends, spare);
    [ranges, spare] = [spare, ranges];
  }
  return ranges;
}

function emptyRanges(size: number): Ranges {
  return { firsts: new Float64Array(size), lasts: new Float64Array(size), holders: new Uint32Array(size) };
}

function firstOf(owned: OwnedPool | undefined): number {
  return owned?.pool.firsts[0] ?? 0;
}

/** Merges run 1 with 2, 3 with 4 and so on from `from` into `to`; returns where the new runs end. */
function mergeNeighbours(from: Ranges, ends: readonly number[], to: Ranges): number[] {
  const merged: number[] = [];
  let start = 0;
  for (let run = 0; run < ends.length; run += 2) {
    const middle = ends[run] ?? start;
    const end = ends[run + 1] ?? middle;
    mergeRuns(from, start, middle, end, to);
    merged.push(end);
    start = end;
  }
  return merged;
}

function mergeRuns(from: Ranges, start: number, middle: number, end: number, to: Ranges): void {
  let left = start;
  let right = middle;
  for (let at = start; at < end; at += 1) {
    const takeLeft = left < middle && (right >= end || (from.firsts[left] ?? 0) <= (from.firsts[right] ?? 0));
    const source = takeLeft ? left : right;
    if (takeLeft) left += 1;
    else right += 1;
    to.firsts[at] = from.firsts[source] ?? 0;
    to.lasts[at] = from.lasts[source] ?? 0;
    to.holders[at] = from.holders[source] ?? 0;
  }
}

/**
 * Joins, in place, what one owner holds twice (one tenant may hold a number on two trunks of a provider) and reports what two
 * owners claim; of a claimed number the range that begins lower keeps it. Returns how many ranges remain.
 */
function coalesce(ranges: Ranges, pools: readonly OwnedPool[], claims: NumberClaim[]): number {
  const { firsts, lasts, holders } = ranges;
  let kept = 0;
  /** Where the range kept last began before another owner's cut it. */
  let begun = 0;
  for (let index = 0; index < firsts.length; index += 1) {
    const whole = firsts[index] ?? 0;
    let first = whole;
    const last = lasts[index] ?? 0;
    const holder = holders[index] ?? 0;
    const reached = kept === 0 ? -1 : (lasts[kept - 1] ?? 0);
    if (first <= reached) {
      const before = holders[kept - 1] ?? 0;
      if (pools[before]?.owner === pools[holder]?.owner) {
        lasts[kept - 1] = Math.max(reached, last);
        continue;
      }
      const one = { at: before, range: { first: begun, last: reached } };
      const other = { at: holder, range: { first: whole, last } };
      const [a, b] = before < holder ? [one, other] : [other, one];
      claims.push({ a: a.at, rangeA: a.range, b: b.at, rangeB: b.range });
      if (last <= reached) continue;
      first = reached + 1;
    }
    firsts[kept] = first;
    lasts[kept] = last;
    holders[kept] = holder;
    kept += 1;
    begun = whole;
  }
  return kept;
}
