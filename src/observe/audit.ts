import { isDeepStrictEqual } from 'node:util';
import { isObject } from '../base/json-object.ts';
import { jsonText } from '../base/json-text.ts';
import type { Log } from '../base/log.ts';
import type { Clock } from '../base/scheduler.ts';
import { allAtOnce, type Steps } from '../base/steps.ts';
import { TextMap } from '../base/text-map.ts';
import type { AuditEntry } from './event-facts.ts';
import type { EventBus } from './events.ts';
import { JsonlFile, octetsOf } from './jsonl-file.ts';
import { isPrivateKey, isSecretName } from './redact.ts';

export type AuditFact = Omit<AuditEntry, 'at'>;

/**
 * An entry as it is kept: what it is found by, and its JSON outside of the heap. A document of a thousand tenants is in a thousand entries; in
 * the heap they would be as much for the garbage collector as the tenants themselves.
 */
interface KeptEntry extends Pick<AuditEntry, 'actor' | 'resource' | 'tenant'> {
  readonly octets: Buffer;
}

/** What the entries that are kept may be together; the file has all of them. */
const MOST_OCTETS = 33_554_432;

/** Keeps the latest changes for the API, appends each to a JSONL file and publishes it as an event. */
export class AuditLog {
  readonly #clock: Clock;
  readonly #file: JsonlFile | undefined;
  readonly #events: EventBus | undefined;
  readonly #capacity: number;
  #entries: KeptEntry[] = [];
  #octets = 0;

  constructor(clock: Clock, options: { log: Log; path?: string; events?: EventBus; capacity?: number }) {
    this.#clock = clock;
    this.#file = options.path === undefined ? undefined : new JsonlFile(options.path, options.log, undefined, 0o600);
    this.#events = options.events;
    this.#capacity = options.capacity ?? 5000;
  }

  record(fact: AuditFact): void {
    allAtOnce(this.recordSteps(fact));
  }

  /** {@link record} in steps: a tenant of ten thousand extensions may have come or gone. Returns the octets of the entry. */
  *recordSteps(fact: AuditFact): Steps<number> {
    const at = new Date(this.#clock.wallMs()).toISOString();
    const { actor, action, resource, tenant } = fact;
    const text = yield* jsonText({ at, ...(yield* told(fact)) } satisfies AuditEntry);
    const octets = yield* octetsOf([text]);
    this.#keep({ actor, resource, ...(tenant === undefined ? {} : { tenant }), octets });
    this.#file?.append(octets);
    this.#events?.publish('audit', tenant === undefined ? [] : [tenant], { actor, action, resource });
    return octets.length;
  }

  /** Latest first; each is read when it is asked for. */
  find(filter: { tenant?: string; resource?: string; actor?: string } = {}): (() => AuditEntry)[] {
    return this.#entries
      .filter(
        (entry) =>
          (filter.tenant === undefined || entry.tenant === filter.tenant) &&
          (filter.resource === undefined || entry.resource.startsWith(filter.resource)) &&
          (filter.actor === undefined || entry.actor === filter.actor),
      )
      .reverse()
      .map(
        ({ octets }) =>
          () =>
            JSON.parse(octets.toString()) as AuditEntry,
      );
  }

  #keep(entry: KeptEntry): void {
    this.#entries.push(entry);
    this.#octets += entry.octets.length;
    if (this.#entries.length < this.#capacity * 1.5 && this.#octets <= MOST_OCTETS) return;
    // Some more than have to go: not at each that comes.
    const latest = latestOfEach(this.#entries, () => 1, this.#capacity);
    this.#entries = latestOfEach(latest, ({ octets }) => octets.length, MOST_OCTETS / 2);
    this.#octets = this.#entries.reduce((sum, { octets }) => sum + octets.length, 0);
  }

  async reopen(): Promise<void> {
    await this.#file?.reopen();
  }

  /** Resolves when everything is written. */
  async close(): Promise<void> {
    await this.#file?.close();
  }
}

/**
 * Those that may stay where all together may be so much: of the tenants that have most the oldest go, as many as it takes, so that changes of
 * one hide no other's. Where parts are smaller than an entry, or leave some over, it is for the latest. The latest of all stays.
 */
function latestOfEach(entries: readonly KeptEntry[], sizeOf: (entry: KeptEntry) => number, most: number): KeptEntry[] {
  const all = new Map<string | undefined, number>();
  for (const entry of entries) all.set(entry.tenant, (all.get(entry.tenant) ?? 0) + sizeOf(entry));
  const kept = new Set<KeptEntry>();
  let left = most;
  for (const part of [partOfEach([...all.values()], most), most]) {
    const ofTenant = new Map<string | undefined, number>();
    for (const entry of entries.toReversed()) {
      const size = (ofTenant.get(entry.tenant) ?? 0) + sizeOf(entry);
      const stays = kept.has(entry) || (size <= part && sizeOf(entry) <= left);
      // None that is older than one of its tenant that goes.
      ofTenant.set(entry.tenant, stays ? size : Infinity);
      if (!stays || kept.has(entry)) continue;
      kept.add(entry);
      left -= sizeOf(entry);
    }
  }
  return entries.filter((entry, index) => kept.has(entry) || index === entries.length - 1);
}

/** What each may have, so that all have what there is: who has less leaves the rest to the others. */
function partOfEach(sizes: number[], most: number): number {
  let left = most;
  for (const [index, size] of sizes.sort((a, b) => a - b).entries()) {
    const part = left / (sizes.length - index);
    if (size > part) return part;
    left -= size;
  }
  return most;
}

/** What is told of a change, without secrets: of what became of a document what is otherwise, or all that is new, or gone. */
function* told(fact: AuditFact): Steps<AuditFact> {
  const { before, after } = fact;
  if (before !== undefined && after !== undefined) return { ...fact, ...(yield* difference(before, after)) };
  return {
    ...fact,
    ...(before === undefined ? {} : { before: yield* stripped(before) }),
    ...(after === undefined ? {} : { after: yield* stripped(after) }),
  } as AuditFact;
}

const ITEMS_PER_STEP = 50;
/** A list of more is not told whole when some of it has changed. */
const MOST_WHOLE = 50;

interface Difference<T = unknown> {
  readonly before: T;
  readonly after: T;
}

/** The fields that are not what they were, those of objects within a document too. */
function* difference(before: object, after: object): Steps<Difference<Record<string, unknown>>> {
  const found: Difference<Record<string, unknown>> = { before: {}, after: {} };
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [fieldOf(before, name), fieldOf(after, name)];
    const other = was === is ? undefined : yield* fieldDifference(name, was, is);
    if (other === undefined) continue;
    if (was !== undefined) found.before[name] = other.before;
    if (is !== undefined) found.after[name] = other.after;
    yield;
  }
  return found;
}

/** Undefined: there is none. */
function* fieldDifference(name: string, was: unknown, is: unknown): Steps<Difference | undefined> {
  const isOpen = !isSecret(name, is);
  if (isOpen && Array.isArray(was) && Array.isArray(is) && Math.max(was.length, is.length) > MOST_WHOLE) {
    const items = yield* itemDifference(was, is);
    return items.before.length + items.after.length === 0 ? undefined : items;
  }
  if (isDeepStrictEqual(was, is)) return undefined;
  if (isOpen && isObject(was) && isObject(is)) return yield* difference(was, is);
  return { before: stripField(name, was, is), after: stripField(name, is, was) };
}

/** Items are the same by number, name or id, else by what they are. Where those that stay stand in another order, it is told last. */
function* itemDifference(was: readonly unknown[], is: readonly unknown[]): Steps<Difference<unknown[]>> {
  const found: Difference<unknown[]> = { before: [], after: [] };
  const [formers, items] = [yield* byKey(was), yield* byKey(is)];
  const order: Difference<string[]> = { before: [], after: [] };
  for (const [key, item] of items) {
    const former = formers.get(key);
    if (former !== undefined && order.after.push(key) % ITEMS_PER_STEP === 0) yield;
    if (former === item || isDeepStrictEqual(former, item)) continue;
    if (former !== undefined) found.before.push(strip(former, item));
    if (found.after.push(strip(item, former)) % ITEMS_PER_STEP === 0) yield;
  }
  for (const [key, item] of formers) {
    const told = items.has(key) ? order.before.push(key) : found.before.push(strip(item, undefined));
    if (told % ITEMS_PER_STEP === 0) yield;
  }
  const moved = (key: string, place: number) => key !== order.after[place];
  const first = order.before.findIndex(moved);
  if (first < 0) return found;
  const end = order.before.findLastIndex(moved) + 1;
  for (let place = first; place < end; place++) {
    found.before.push(referenceOf(formers.get(order.before[place] as string)));
    found.after.push(referenceOf(items.get(order.after[place] as string)));
    if (place % ITEMS_PER_STEP === 0) yield;
  }
  return found;
}

/** In their order; each of equal keys is one of its own. */
function* byKey(list: readonly unknown[]): Steps<TextMap<unknown>> {
  const items = new TextMap<unknown>();
  const counts = new TextMap<number>();
  for (const [index, item] of list.entries()) {
    const name = keyNameOf(item);
    const key = name === undefined ? JSON.stringify(item) : (fieldOf(item, name) as string);
    const count = counts.get(key) ?? 0;
    counts.set(key, count + 1);
    items.set(`${count} ${key}`, item);
    if (index % ITEMS_PER_STEP === 0) yield;
  }
  return items;
}

function keyNameOf(item: unknown): string | undefined {
  return ['number', 'name', 'id'].find((name) => typeof fieldOf(item, name) === 'string');
}

/** What an item is known by, alone. */
function referenceOf(item: unknown): unknown {
  const name = keyNameOf(item);
  return strip(name === undefined ? item : { [name]: fieldOf(item, name) }, undefined);
}

/**
 * A document with each secret replaced by `(set)`; its lists in steps. Of it is copied what a secret is in: of a thousand tenants that come at
 * once the rest would be a hundred megabytes.
 */
function* stripped(document: object): Steps<unknown> {
  const copy: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(document)) {
    if (!Array.isArray(field) || isSecret(name, field)) {
      copy[name] = stripField(name, field, undefined);
      continue;
    }
    const items: unknown[] = [];
    for (const [index, item] of field.entries()) {
      items.push(strip(item, undefined));
      if (index % ITEMS_PER_STEP === ITEMS_PER_STEP - 1) yield;
    }
    copy[name] = items;
  }
  return copy;
}

/** The value itself when no secret is in it. */
function strip(value: unknown, other: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  const isList = Array.isArray(value);
  let copy: unknown;
  // Nothing is allocated for what has no secret.
  for (const name in value) {
    const field: unknown = value[name as keyof typeof value];
    const otherField = isList ? itemOf(other, Number(name)) : fieldOf(other, name);
    const kept = isList ? strip(field, otherField) : stripField(name, field, otherField);
    if (kept === field) continue;
    copy ??= isList ? [...value] : { ...value };
    (copy as Record<string, unknown>)[name] = kept;
  }
  return copy ?? value;
}

function stripField(name: string, field: unknown, other: unknown): unknown {
  if (!isSecret(name, field)) return strip(field, other);
  const changed = other !== undefined && JSON.stringify(other) !== JSON.stringify(field);
  return changed ? '(changed)' : '(set)';
}

function isSecret(name: string, field: unknown): boolean {
  const named = isSecretName(name) && field !== undefined && field !== null && typeof field !== 'boolean';
  return named || isPrivateKey(field);
}

function itemOf(list: unknown, index: number): unknown {
  return Array.isArray(list) ? list[index] : undefined;
}

function fieldOf(document: unknown, name: string): unknown {
  if (typeof document !== 'object' || document === null || !Object.hasOwn(document, name)) return undefined;
  return (document as Record<string, unknown>)[name];
}
