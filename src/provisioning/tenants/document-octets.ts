/**
 * How long the JSON of a tenant, a trunk or a certificate is. A long list is measured once, in steps; one that comes of it is measured where
 * the two differ, so that a change of one extension of a hundred thousand measures one.
 */
import { derived } from '../../base/derived.ts';
import type { Steps } from '../../base/steps.ts';

/** Of longer lists it is kept how long they are. */
const SHORT_LIST = 100;
const ITEMS_PER_STEP = 50;

const measured = derived((_list: readonly unknown[]): { octets?: number | undefined } => ({}));

/** Octets of a document's JSON in UTF-8. @param before what the document comes of */
export function* documentOctets(document: object, before: object = {}): Steps<number> {
  let octets = 1;
  for (const [name, field] of Object.entries(document)) {
    if (field === undefined) continue;
    const was = (before as Record<string, unknown>)[name];
    octets +=
      jsonOctets(name) + 2 + (isLong(field) ? yield* listOctets(field, isLong(was) ? was : []) : jsonOctets(field));
  }
  return octets;
}

/** @param same what the list says the same as, if that was measured */
export function measuredAs(list: readonly unknown[], same: readonly unknown[]): void {
  if (isLong(list)) measured(list).octets ??= measured(same).octets;
}

function* listOctets(list: readonly unknown[], before: readonly unknown[]): Steps<number> {
  const kept = measured(list);
  if (kept.octets !== undefined) return kept.octets;
  const known = measured(before).octets;
  const was = known === undefined ? [] : before;
  const less = Math.min(list.length, was.length);
  let from = 0;
  while (from < less && list[from] === was[from]) from++;
  let behind = 0;
  while (behind < less - from && list.at(-1 - behind) === was.at(-1 - behind)) behind++;
  const more = yield* octetsOtherThan(list, was, from, list.length - behind);
  kept.octets = (known ?? 1) + more - (yield* octetsOtherThan(was, list, from, was.length - behind));
  return kept.octets;
}

/** Of the items between two places, each with its comma, those that are not at the same place of the other list. */
function* octetsOtherThan(
  list: readonly unknown[],
  other: readonly unknown[],
  from: number,
  to: number,
): Steps<number> {
  let octets = 0;
  let count = 0;
  for (let at = from; at < to; at++) {
    if (list[at] === other[at]) continue;
    octets += jsonOctets(list[at]) + 1;
    if (++count % ITEMS_PER_STEP === 0) yield;
  }
  return octets;
}

function isLong(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > SHORT_LIST;
}

function jsonOctets(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
