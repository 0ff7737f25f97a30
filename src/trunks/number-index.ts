/**
 * Who owns a number among many pools: all ranges in one ascending array, so that a look-up is one binary search whatever the
 * number of pools. Building it finds the numbers that two owners claim.
 */
import { type DidPool, type DidRange, lastAtMost } from '../tenants/did-pool.ts';

export interface OwnedPool {
  readonly owner: string;
  readonly pool: DidPool;
}

/** Numbers that two owners claim; `a` and `b` are positions in the list of pools. */
export interface Claim {
  readonly a: number;
  readonly rangeA: DidRange;
  readonly b: number;
  readonly rangeB: DidRange;
}

export class NumberIndex {
  readonly #pools: readonly OwnedPool[];
  readonly #firsts: Float64Array;
  readonly #lasts: Float64Array;
  /** Position in the list of pools, per range. */
  readonly #holders: Uint32Array;
  /** The first claim found per pair of neighbours; empty when no number has two owners. */
  readonly claims: readonly Claim[];

  constructor(pools: readonly OwnedPool[]) {
    this.#pools = pools;
    const sorted = concatenate(pools);
    const claims: Claim[] = [];
    const size = coalesce(sorted, pools, claims);
    this.#firsts = sorted.firsts.subarray(0, size);
    this.#lasts = sorted.lasts.subarray(0, size);
    this.#holders = sorted.holders.subarray(0, size);
    this.claims = claims;
  }

  /** The owner of a normalised number, or undefined. O(log ranges). */
  owner(number: number): string | undefined {
    const index = lastAtMost(this.#firsts, number);
    if (index < 0 || number > (this.#lasts[index] ?? 0)) return undefined;
    return this.#pools[this.#holders[index] ?? 0]?.owner;
  }
}

interface Ranges {
  readonly firsts: Float64Array;
  readonly lasts: Float64Array;
  readonly holders: Uint32Array;
}

/** All ranges ascending by first number. Each pool is ascending already: pools that do not interleave need no sorting. */
function concatenate(pools: readonly OwnedPool[]): Ranges {
  const order = pools.map((_, index) => index).filter((index) => (pools[index]?.pool.size ?? 0) > 0);
  order.sort((a, b) => firstOf(pools[a]) - firstOf(pools[b]));
  const size = order.reduce((sum, index) => sum + (pools[index]?.pool.size ?? 0), 0);
  const ranges = { firsts: new Float64Array(size), lasts: new Float64Array(size), holders: new Uint32Array(size) };
  let at = 0;
  let interleaved = false;
  for (const index of order) {
    const pool = pools[index]?.pool;
    if (pool === undefined) continue;
    if (at > 0 && (pool.firsts[0] ?? 0) < (ranges.firsts[at - 1] ?? 0)) interleaved = true;
    ranges.firsts.set(pool.firsts, at);
    ranges.lasts.set(pool.lasts, at);
    ranges.holders.fill(index, at, at + pool.size);
    at += pool.size;
  }
  return interleaved ? sort(ranges) : ranges;
}

function firstOf(owned: OwnedPool | undefined): number {
  return owned?.pool.firsts[0] ?? 0;
}

function sort(ranges: Ranges): Ranges {
  const { firsts, lasts, holders } = ranges;
  const order = new Uint32Array(firsts.length).map((_, index) => index);
  order.sort((a, b) => (firsts[a] ?? 0) - (firsts[b] ?? 0));
  return {
    firsts: firsts.map((_, index) => firsts[order[index] ?? 0] ?? 0),
    lasts: lasts.map((_, index) => lasts[order[index] ?? 0] ?? 0),
    holders: holders.map((_, index) => holders[order[index] ?? 0] ?? 0),
  };
}

/**
 * Joins, in place, what one owner holds twice (one tenant may hold a number on two trunks of a provider) and reports what two
 * owners claim; of a claimed number the range that begins lower keeps it. Returns how many ranges remain.
 */
function coalesce(ranges: Ranges, pools: readonly OwnedPool[], claims: Claim[]): number {
  const { firsts, lasts, holders } = ranges;
  let kept = 0;
  for (let index = 0; index < firsts.length; index += 1) {
    let first = firsts[index] ?? 0;
    const last = lasts[index] ?? 0;
    const holder = holders[index] ?? 0;
    const reached = kept === 0 ? -1 : (lasts[kept - 1] ?? 0);
    if (first <= reached) {
      const before = holders[kept - 1] ?? 0;
      if (pools[before]?.owner === pools[holder]?.owner) {
        lasts[kept - 1] = Math.max(reached, last);
        continue;
      }
      claims.push({
        a: before,
        rangeA: { first: firsts[kept - 1] ?? 0, last: reached },
        b: holder,
        rangeB: { first, last },
      });
      if (last <= reached) continue;
      first = reached + 1;
    }
    firsts[kept] = first;
    lasts[kept] = last;
    holders[kept] = holder;
    kept += 1;
  }
  return kept;
}
