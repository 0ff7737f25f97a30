import { fnv1a } from '../base/fnv.ts';
import { TextRing } from '../base/text-ring.ts';
import type { JsonLine } from './jsonl-file.ts';

/** So many become octets together: those that have no text yet get one, and texts made one by one between other work take a multiple of their time. */
const BATCH = 64;
/** Ids of a record that it is found by at once; one with more of them is looked at whenever none other has it. */
const IDS = 4;
const NONE = 0;
const MORE_IDS = 1;

/** What a record is found and put in order by. */
interface Identified {
  readonly callId: string;
  readonly sipCallIds: readonly string[];
  /** ISO 8601. */
  readonly endedAt: string;
}

/**
 * The latest call records, numbered as they came. Thousands are kept, of which hardly any is read again: all but the latest are octets of
 * their JSON outside of the heap, and objects again for who asks.
 */
export class KeptRecords<T extends Identified> {
  readonly #capacity: number;
  readonly #texts: TextRing;
  /** Hashes of the ids of the record with number n, from place n modulo the capacity on; made with the first one. */
  #hashes = new Uint32Array(0);
  /** When its call ended, of the record with number n at place n modulo the capacity. Wall clock, ms. */
  #endedAtMs = new Float64Array(0);
  /** Those that are no octets yet. */
  #latest: { readonly record: T; readonly line: JsonLine }[] = [];

  constructor(capacity: number, mostOctets: number) {
    this.#capacity = capacity;
    this.#texts = new TextRing(capacity, mostOctets);
  }

  /** @param line its JSON, which the file may have made by then */
  add(record: T, line: JsonLine): void {
    this.#latest.push({ record, line });
    if (this.#latest.length >= BATCH) this.pack();
  }

  /** Makes octets of all; from here on each has its number. */
  pack(): void {
    if (this.#hashes.length === 0) {
      this.#hashes = new Uint32Array(IDS * this.#capacity);
      this.#endedAtMs = new Float64Array(this.#capacity);
    }
    for (const { record, line } of this.#latest) {
      const text = textOf(line);
      if (text !== undefined) this.#note(this.#texts.add(text), record);
    }
    this.#latest = [];
  }

  /** Number of the oldest that is kept, and the one that the next one gets. */
  get first(): number {
    return this.#texts.first;
  }

  get next(): number {
    return this.#texts.next;
  }

  /** When the call of a record that is kept ended: wall clock, ms. */
  endedAtMs(number: number): number {
    return this.#endedAtMs[number % this.#capacity] as number;
  }

  /** JSON of a record; undefined when it is not kept any more. */
  text(number: number): string | undefined {
    return this.#texts.text(number);
  }

  read(number: number): T | undefined {
    const text = this.#texts.text(number);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  /** The latest with this id, of the call or of a leg. */
  get(id: string): T | undefined {
    this.pack();
    const hash = hashOf(id);
    for (let number = this.next - 1; number >= this.first; number--) {
      if (!this.#mayHave(number, hash)) continue;
      const record = this.read(number);
      if (record !== undefined && (record.callId === id || record.sipCallIds.includes(id))) return record;
    }
    return undefined;
  }

  #mayHave(number: number, hash: number): boolean {
    const end = IDS * (number % this.#capacity) + IDS;
    for (let place = end - IDS; place < end; place++) if (this.#hashes[place] === hash) return true;
    return this.#hashes[end - 1] === MORE_IDS;
  }

  #note(number: number, { callId, sipCallIds, endedAt }: Identified): void {
    this.#endedAtMs[number % this.#capacity] = Date.parse(endedAt);
    const place = IDS * (number % this.#capacity);
    this.#hashes.fill(NONE, place, place + IDS);
    this.#hashes[place] = hashOf(callId);
    for (let index = 0; index < Math.min(sipCallIds.length, IDS - 1); index++)
      this.#hashes[place + 1 + index] = hashOf(sipCallIds[index] as string);
    if (sipCallIds.length >= IDS) this.#hashes[place + IDS - 1] = MORE_IDS;
  }
}

/** Undefined for one that has none: the file tells of it. */
function textOf(line: JsonLine): string | undefined {
  try {
    return line.text;
  } catch {
    return undefined;
  }
}

/** No hash is one of the words that are none. */
function hashOf(id: string): number {
  return Math.max(fnv1a(id), MORE_IDS + 1);
}
