import { jsonText } from '../base/json-text.ts';
import type { Log } from '../base/log.ts';
import type { Clock } from '../base/scheduler.ts';
import { allAtOnce, type Steps } from '../base/steps.ts';
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

  /** {@link record} in steps: a tenant of ten thousand extensions may have come or gone. */
  *recordSteps(fact: AuditFact): Steps<void> {
    const at = new Date(this.#clock.wallMs()).toISOString();
    const { actor, action, resource, tenant } = fact;
    const text = yield* jsonText({ at, ...(yield* withoutSecrets(fact)) } satisfies AuditEntry);
    const octets = yield* octetsOf([text]);
    this.#keep({ actor, resource, ...(tenant === undefined ? {} : { tenant }), octets });
    this.#file?.append(octets);
    this.#events?.publish('audit', tenant === undefined ? [] : [tenant], { actor, action, resource });
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

function* withoutSecrets(fact: AuditFact): Steps<AuditFact> {
  const { before, after, ...rest } = fact;
  return {
    ...rest,
    ...(before === undefined ? {} : { before: yield* stripped(before, after) }),
    ...(after === undefined ? {} : { after: yield* stripped(after, before) }),
  } as AuditFact;
}

const ITEMS_PER_STEP = 50;

/**
 * A document with each secret replaced by `set`, or `changed` when the other side holds another one; its lists in steps. Of it is copied what
 * a secret is in: of a thousand tenants that come at once the rest would be a hundred megabytes.
 */
function* stripped(document: unknown, other: unknown): Steps<unknown> {
  if (document === null || typeof document !== 'object' || Array.isArray(document)) return strip(document, other);
  const copy: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(document)) {
    const otherField = fieldOf(other, name);
    if (!Array.isArray(field) || isSecret(name, field)) {
      copy[name] = stripField(name, field, otherField);
      continue;
    }
    const items: unknown[] = [];
    for (const [index, item] of field.entries()) {
      items.push(strip(item, itemOf(otherField, index)));
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
