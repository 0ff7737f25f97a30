/**
 * Where a reader of a long listing is, while rows come and go: what was deleted is not there, what was added is anywhere, what was deleted
 * and added again is at the end. A cursor names some of the rows that were served last and some of those that come next, so that the place
 * between them is found as long as one on either side is where it was.
 */
import { hash } from 'node:crypto';
import { z } from 'zod';
import type { Steps } from '../base/steps.ts';
import { invalid } from './problem.ts';

export interface ListingPlace {
  /** Where the row served last and the next one are among all. */
  readonly last: number;
  readonly next: number;
  /** How many there are in all. */
  readonly size: number;
  /** How many of those that match come before it, and of how many. */
  readonly before: number;
  readonly total: number;
  /** Marks of the rows served last, the latest first, and of those that come next. */
  readonly served: readonly string[];
  readonly coming: readonly string[];
}

/** Items of one answer at the most. */
export const MAX_PAGE = 1000;
/** Rows on either side that a cursor names. */
export const MOST_SERVED = 16;
export const MOST_COMING = 8;
const ITEMS_PER_STEP = 20;
/** 48 bits tell the rows of a listing apart. */
const MARK_LENGTH = 8;

/** What stands for a row in a cursor. */
export function markOf(key: string): string {
  return hash('sha256', key, 'base64url').slice(0, MARK_LENGTH);
}

/** The place of the next row: where it was where nothing has changed, else found by the rows that the cursor names. */
export function* indexOf<T>(
  all: () => Iterable<T>,
  place: ListingPlace,
  keyOf: (item: T) => string,
  matches: ((item: T) => boolean) | undefined,
): Steps<number> {
  if (yield* isUnchanged(all(), place, keyOf, matches)) return place.next;
  const [served, coming] = [new Set(place.served), new Set(place.coming)];
  let [size, afterServed, isPast] = [0, 0, false];
  for (const item of all()) {
    if (size % ITEMS_PER_STEP === 0) yield;
    const mark = markOf(keyOf(item));
    if (coming.has(mark)) {
      if (afterServed > 0) return afterServed;
      if (size <= place.next) return size;
      // Those that come next may have been added again, all of them: others that were not served are before them then.
      isPast = true;
    }
    size++;
    // A row that was served and is behind one that was not was added again.
    if (!isPast && served.has(mark)) afterServed = size;
  }
  return afterServed > 0 ? afterServed : Math.min(size, Math.max(0, place.next - Math.max(0, place.size - size)));
}

/**
 * Whether the row served last and the next one are where they were, and not by chance: enough of those that come next follow in their order.
 * Of these some may be gone, and others have come in between. Where fewer are named than a cursor has room for, they were all that came
 * next: each must be there, since one that is not may be before the place now.
 */
function* isUnchanged<T>(
  all: Iterable<T>,
  { last, next, served, coming }: ListingPlace,
  keyOf: (item: T) => string,
  matches: ((item: T) => boolean) | undefined,
): Steps<boolean> {
  const enough = coming.length < MOST_COMING ? coming.length : MOST_COMING / 2;
  let [index, found, met, others] = [last, 0, 0, 0];
  for (const item of from(all, last)) {
    if (index % ITEMS_PER_STEP === 0) yield;
    const mark = index === last || index >= next ? markOf(keyOf(item)) : '';
    if ((index === last && mark !== served[0]) || (index === next && mark !== coming[0])) return false;
    if (index >= next) {
      const at = coming.indexOf(mark, found);
      if (at >= 0) {
        found = at + 1;
        if (++met === enough) return true;
      } else if ((matches === undefined || matches(item)) && ++others > MOST_COMING) return false;
    }
    index++;
  }
  return false;
}

/** All from this place on. */
export function* from<T>(all: Iterable<T>, first: number): Generator<T> {
  if (Array.isArray(all)) {
    for (let index = first; index < all.length; index++) yield all[index] as T;
    return;
  }
  let index = 0;
  for (const item of all) if (index++ >= first) yield item;
}

export function cursorOf({ last, next, size, before, total, served, coming }: ListingPlace): string {
  return Buffer.from(JSON.stringify([last, next, size, before, total, served, coming])).toString('base64url');
}

const count = z.int().min(0);
const placeSchema = z
  .tuple([
    count,
    count,
    count,
    count,
    count,
    z.array(z.string()).min(1).max(MOST_SERVED),
    z.array(z.string()).min(1).max(MOST_COMING),
  ])
  .refine(([last, next]) => last < next);

/** @throws ApiProblem 422 where it is no cursor of such a listing. */
export function placeIn(cursor: string): ListingPlace {
  try {
    const [last, next, size, before, total, served, coming] = placeSchema.parse(
      JSON.parse(Buffer.from(cursor, 'base64url').toString()),
    );
    return { last, next, size, before, total, served, coming };
  } catch {
    throw invalid([{ code: 'invalid', path: 'cursor', message: 'is no `nextCursor` of this listing' }]);
  }
}
