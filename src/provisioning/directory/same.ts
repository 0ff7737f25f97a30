/** Whether two documents say the same. A tenant may have ten thousand extensions or rules: compared in steps. */
import { isDeepStrictEqual } from 'node:util';
import type { Steps } from '../../base/steps.ts';

const ITEMS_PER_STEP = 50;

export function* sameDocument<T extends object>(a: T | undefined, b: T | undefined): Steps<boolean> {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  const fields = Object.entries(a);
  if (fields.length !== Object.keys(b).length) return false;
  for (const [name, field] of fields) {
    if (!Object.hasOwn(b, name) || !(yield* sameField(field, b[name as keyof T]))) return false;
  }
  return true;
}

/**
 * A document that was read anew, with the fields of the one before it where they say the same: what is made of a list of rules is kept for
 * as long as it is that list. Changes the document that it is given.
 */
export function* withFieldsOf<T extends object>(document: T, before: T | undefined): Steps<T> {
  if (before === undefined) return document;
  for (const name in document) {
    if (yield* sameField(document[name], before[name])) document[name] = before[name];
  }
  return document;
}

function* sameField(a: unknown, b: unknown): Steps<boolean> {
  if (a === b) return true;
  if (!Array.isArray(a) || !Array.isArray(b)) return isDeepStrictEqual(a, b);
  if (a.length !== b.length) return false;
  // Counted, not iterated: of ten thousand nothing is allocated.
  for (let at = 0; at < a.length; at++) {
    if (a[at] !== b[at] && !isDeepStrictEqual(a[at], b[at])) return false;
    if (at % ITEMS_PER_STEP === ITEMS_PER_STEP - 1) yield;
  }
  return true;
}
