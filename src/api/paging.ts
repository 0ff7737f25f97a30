/** Pages of listings: by offset, and of long ones by where the page before ended, which costs the same on the first page and on the last. */

import { z } from 'zod';
import { byDefault, optional } from '../base/schema.ts';
import { inSlices, type Steps } from '../base/steps.ts';
import { type AnswerSchema, answer } from './context.ts';
import { cursorOf, from, indexOf, MAX_PAGE, MOST_COMING, MOST_SERVED, markOf, placeIn } from './listing-cursor.ts';

/** The query fields of every listing. */
export const pageFields = {
  limit: byDefault(100, z.coerce.number().int().min(1).max(MAX_PAGE), 'Items per page.'),
  offset: byDefault(0, z.coerce.number().int().min(0).max(100_000_000), 'Items to skip.'),
};

/** And of those that may be long. */
export const longPageFields = {
  ...pageFields,
  cursor: optional(
    z.string().min(1).max(2048),
    'In place of `offset`: `nextCursor` of the page before. What was added or deleted meanwhile moves nothing.',
  ),
};

export interface Page<T> {
  readonly items: readonly T[];
  readonly total: number;
  readonly offset: number;
  readonly limit: number;
  /** Where the next page begins; absent on the last one. */
  readonly nextCursor?: string;
}

export interface PageQuery {
  readonly limit: number;
  readonly offset: number;
  readonly cursor?: string | undefined;
}

/** The query field of every route whose answer is made of those of all nodes. */
export const nodeField = {
  node: optional(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,31}$/),
    'Only of the node of this name; of all nodes of the store when left out.',
  ),
};

/** What an answer has in it that is made of those of several nodes. */
export const MISSING = {
  missing: {
    type: 'array',
    items: { type: 'string' },
    description: 'Nodes that did not answer, so that what they have is not in here; left out when all did.',
  },
};

export function pageOf(items: AnswerSchema, description = 'A page', more: AnswerSchema = {}): AnswerSchema {
  const shape = pageShape(items);
  return answer(description, { ...shape, properties: { ...shape.properties, ...more } });
}

export function longPageOf(items: AnswerSchema): AnswerSchema {
  const shape = pageShape(items);
  const nextCursor = {
    type: 'string',
    description: 'Where the next page begins, for `cursor`; absent on the last one.',
  };
  return answer('A page', { ...shape, properties: { ...shape.properties, nextCursor } });
}

function pageShape(items: AnswerSchema) {
  return {
    type: 'object',
    required: ['items', 'total', 'offset', 'limit'],
    properties: {
      items: { type: 'array', items },
      total: { type: 'integer' },
      offset: { type: 'integer' },
      limit: { type: 'integer' },
    },
  };
}

/** Cuts a page out of a listing and makes views of its items only. */
export function page<T, V>(all: readonly T[], query: PageQuery, view: (item: T) => V): Page<V> {
  const { limit, offset } = query;
  return { items: all.slice(offset, offset + limit).map(view), total: all.length, offset, limit };
}

/** What a listing is made of. */
export interface Listing<T, V> {
  /** All of them, from the first one on whenever it is asked. */
  readonly all: () => Iterable<T>;
  /** How many there are in all, where that is known without looking at each. */
  readonly size?: number | undefined;
  /** Which of them are asked for; absent: all. */
  readonly matches?: ((item: T) => boolean) | undefined;
  readonly view: (item: T) => V;
  /** What no other item has, and keeps while others come and go; makes a listing one with cursors. */
  readonly keyOf?: (item: T) => string;
}

/** A page of a listing that may be long, in slices: each of its items is looked at, but where the query says from where on. */
export function pageFrom<T, V>(listing: Listing<T, V>, query: PageQuery): Promise<Page<V>> {
  return inSlices(pageSteps(listing, query));
}

function* pageSteps<T, V>({ all, size, matches, view, keyOf }: Listing<T, V>, query: PageQuery): Steps<Page<V>> {
  const place = query.cursor === undefined || keyOf === undefined ? undefined : placeIn(query.cursor);
  const offset = place?.before ?? query.offset;
  const counted = size ?? lengthOf(all());
  // Where the total is known the page ends as soon as it is known what comes next.
  const known = place?.total ?? (matches === undefined ? counted : undefined);
  const first =
    place !== undefined && keyOf !== undefined
      ? yield* indexOf(all, place, keyOf, matches)
      : matches === undefined && known !== undefined
        ? offset
        : 0;
  const items: V[] = [];
  // Of those that match, how many come before the one that is looked at.
  let found = place !== undefined || first > 0 ? offset : 0;
  let index = first;
  let [last, next, before] = [0, 0, 0];
  const served: T[] = [];
  const coming: T[] = [];
  for (const item of from(all(), first)) {
    if (index % ITEMS_PER_STEP === 0) yield;
    if (matches === undefined || matches(item)) {
      if (items.length === query.limit) {
        if (coming.length === 0) [next, before] = [index, found];
        if (coming.length < MOST_COMING) coming.push(item);
        if (known !== undefined && (keyOf === undefined || coming.length === MOST_COMING)) break;
      } else if (found >= offset) {
        items.push(view(item));
        served.push(item);
        last = index;
        yield;
      }
      found++;
    }
    index++;
  }
  const total = Math.max(known ?? found, place === undefined ? 0 : offset + items.length);
  const shown = { items, total, offset, limit: query.limit };
  if (keyOf === undefined || coming.length === 0) return shown;
  const marksOf = (some: readonly T[]) => some.map((item) => markOf(keyOf(item)));
  const latest = marksOf(served.slice(-MOST_SERVED)).reverse();
  const nextCursor = cursorOf({
    last,
    next,
    size: counted ?? index,
    before,
    total,
    served: [...latest, ...(place?.served ?? [])].slice(0, MOST_SERVED),
    coming: marksOf(coming),
  });
  return { ...shown, nextCursor };
}

const ITEMS_PER_STEP = 20;

function lengthOf(all: Iterable<unknown>): number | undefined {
  return Array.isArray(all) ? all.length : undefined;
}
