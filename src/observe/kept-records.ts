import { fnv1a } from '../base/fnv.ts';
import type { RingAudience } from '../base/ring-parts.ts';
import { TextRing } from '../base/text-ring.ts';
import type { JsonLine } from './jsonl-file.ts';

/** So many become octets together: those that have no text yet get one, and texts made one by one between other work take a multiple of their time. */
const BATCH = 64;
/** Characters of what peers write in them: long ones wait for no others, so that it is soon known how many octets they are. */
const MOST_WAITING = 65_536;
/** Ids of a record whose hashes are kept whole; of further ones (a group of phones that rang) a bit of each. */
const IDS = 4;
const NONE = 0;
const UNHEARD: RingAudience = { onGone: () => {} };

/** What a record is found and put in order by. */
export interface FoundBy {
  readonly callId: string;
  readonly sipCallIds: readonly string[];
  readonly tenant?: string | undefined;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string;
  readonly callerNumber?: string;
  readonly calledNumber?: string;
}

/**
 * The latest call records, numbered as they came. Thousands are kept, of which hardly any is read again: all but the latest are octets of
 * their JSON outside of the heap, and objects again for who asks.
 */
export class KeptRecords<T extends FoundBy> {
  readonly #capacity: number;
  readonly #texts: TextRing;
  // Of the record with number n, at place n modulo the capacity; made with the first one. Its first ids have a place each.
  #hashes = new Uint32Array(0);
  /** Bits of the hashes of its further ids. */
  #furtherBits = new Uint32Array(0);
  // When its call began and ended: wall clock, ms.
  #startedAtMs = new Float64Array(0);
  #endedAtMs = new Float64Array(0);
  /** The how many-eth of all that came it was, with those that are kept elsewhere. */
  #arrivals = new Float64Array(0);
  /** Of its text. */
  #octets = new Uint32Array(0);
  /** Whose it is; empty: nobody's. */
  readonly #tenants: string[] = [];
  /** Those before this number were told to be gone. */
  #gone = 0;
  readonly #audience: RingAudience;
  /** Those that are no octets yet. */
  #latest: { readonly record: T; readonly line: JsonLine; readonly arrival: number }[] = [];
  /** Characters that peers have written in them. */
  #waiting = 0;

  constructor(capacity: number, mostOctets: number, audience: RingAudience = UNHEARD) {
    this.#capacity = capacity;
    this.#texts = new TextRing(capacity, mostOctets);
    this.#audience = audience;
  }

  /** @param line its JSON, which the file may have made by then */
  add(record: T, line: JsonLine, arrival = 0): void {
    this.#latest.push({ record, line, arrival });
    this.#waiting += writtenOf(record);
    if (this.#latest.length >= BATCH || this.#waiting >= MOST_WAITING) this.pack();
  }

  /** Makes octets of all; from here on each has its number. */
  pack(): void {
    if (this.#hashes.length === 0) this.#makePlaces();
    for (const { record, line, arrival } of this.#latest) {
      const text = textOf(line);
      if (text === undefined) {
        this.#audience.onGone(record.tenant ?? '', 0, arrival);
        continue;
      }
      const number = this.#texts.add(text);
      this.#tellGone();
      this.#note(number, record, arrival);
    }
    this.#latest = [];
    this.#waiting = 0;
  }

  /** Number of the oldest that is kept, and the one that the next one gets. */
  get first(): number {
    return this.#texts.first;
  }

  get next(): number {
    return this.#texts.next;
  }

  /** When the call of a record that is kept began: wall clock, ms. */
  startedAtMs(number: number): number {
    return this.#startedAtMs[number % this.#capacity] as number;
  }

  /** When it ended. */
  endedAtMs(number: number): number {
    return this.#endedAtMs[number % this.#capacity] as number;
  }

  arrival(number: number): number {
    return this.#arrivals[number % this.#capacity] as number;
  }

  tenant(number: number): string {
    return this.#tenants[number % this.#capacity] as string;
  }

  /** JSON of a record; undefined when it is not kept any more. */
  text(number: number): string | undefined {
    return this.#texts.text(number);
  }

  read(number: number): T | undefined {
    const text = this.#texts.text(number);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  /** The latest with this id, of the call or of a leg, of those of a tenant: others' are not read. Undefined: of any. */
  get(id: string, tenant?: string): T | undefined {
    return this.latest(id, tenant)?.record;
  }

  /** The same with its number, of those that count. */
  latest(
    id: string,
    tenant?: string,
    counts: (number: number) => boolean = () => true,
  ): { readonly number: number; readonly record: T } | undefined {
    this.pack();
    const hash = hashOf(id);
    const parts = [JSON.stringify(id)];
    if (tenant !== undefined) parts.push(`"tenant":${JSON.stringify(tenant)}`);
    for (let number = this.next - 1; number >= this.first; number--) {
      if (!this.#mayHave(number, hash) || !counts(number)) continue;
      const text = this.text(number);
      if (text === undefined || !parts.every((part) => text.includes(part))) continue;
      const record = JSON.parse(text) as T;
      if (tenant !== undefined && record.tenant !== tenant) continue;
      if (record.callId === id || record.sipCallIds.includes(id)) return { number, record };
    }
    return undefined;
  }

  #mayHave(number: number, hash: number): boolean {
    const place = number % this.#capacity;
    for (let index = IDS * place; index < IDS * (place + 1); index++) if (this.#hashes[index] === hash) return true;
    return ((this.#furtherBits[place] as number) & bitOf(hash)) !== 0;
  }

  #makePlaces(): void {
    this.#hashes = new Uint32Array(IDS * this.#capacity);
    this.#furtherBits = new Uint32Array(this.#capacity);
    this.#startedAtMs = new Float64Array(this.#capacity);
    this.#endedAtMs = new Float64Array(this.#capacity);
    this.#arrivals = new Float64Array(this.#capacity);
    this.#octets = new Uint32Array(this.#capacity);
  }

  /** Before another takes the place of one. */
  #tellGone(): void {
    for (; this.#gone < this.#texts.first; this.#gone++) {
      const octets = this.#octets[this.#gone % this.#capacity] as number;
      this.#audience.onGone(this.tenant(this.#gone), octets, this.arrival(this.#gone));
    }
  }

  #note(number: number, { callId, sipCallIds, tenant = '', startedAt, endedAt }: FoundBy, arrival: number): void {
    const place = number % this.#capacity;
    this.#tenants[place] = tenant;
    this.#arrivals[place] = arrival;
    const octets = this.#texts.octets(number);
    this.#octets[place] = octets;
    this.#audience.onKept?.(tenant, octets);
    this.#startedAtMs[place] = Date.parse(startedAt);
    this.#endedAtMs[place] = Date.parse(endedAt);
    const first = IDS * place;
    this.#hashes.fill(NONE, first, first + IDS);
    this.#hashes[first] = hashOf(callId);
    let bits = 0;
    for (let index = 0; index < sipCallIds.length; index++) {
      const hash = hashOf(sipCallIds[index] as string);
      if (index < IDS - 1) this.#hashes[first + 1 + index] = hash;
      else bits |= bitOf(hash);
    }
    this.#furtherBits[place] = bits;
  }
}

function writtenOf({ sipCallIds, callerNumber = '', calledNumber = '' }: FoundBy): number {
  let length = callerNumber.length + calledNumber.length;
  for (const id of sipCallIds) length += id.length;
  return length;
}

/** Undefined for one that has none: the file tells of it. */
function textOf(line: JsonLine): string | undefined {
  try {
    return line.text;
  } catch {
    return undefined;
  }
}

/** No hash is the word that is none. */
function hashOf(id: string): number {
  return Math.max(fnv1a(id), NONE + 1);
}

/** One of 32. */
function bitOf(hash: number): number {
  return 1 << (hash >>> 27);
}
