import type { Given } from '../base/given.ts';
import type { Log } from '../base/log.ts';
import type { Steps } from '../base/steps.ts';
import type { VerificationFacts, WhatsappFacts } from '../call/index.ts';
import type { callRecordFacts } from './call-facts.ts';
import { CallCounts, type CallStatistics, type CallStatisticsQuery } from './call-statistics.ts';
import { JsonLine, JsonlFile } from './jsonl-file.ts';
import { redactedText } from './redact.ts';
import { type RecordPlace, SharedRecords } from './shared-records.ts';

/** What is kept of a call when it ends (the CDR). Times are ISO 8601, durations milliseconds. */
export type CallRecord = Given<typeof callRecordFacts>;
/** One try of one trunk or endpoint. */
export type CallAttempt = CallRecord['attempts'][number];

export interface CallRecordFilter {
  readonly tenant?: string;
  readonly direction?: CallRecord['direction'];
  readonly trunkId?: string;
  /** A number or extension that is caller or called, as dialled or as sent. */
  readonly number?: string;
  /** What stands anywhere in one of these. */
  readonly q?: string;
  readonly status?: number;
  readonly from?: string;
  readonly until?: string;
}

/** A record that was found: when its call ended, and the rest when somebody asks. */
export class FoundRecord {
  /** Wall clock, ms. */
  readonly endedAtMs: number;
  readonly #kept: SharedRecords<CallRecord>;
  readonly #place: RecordPlace<CallRecord>;

  constructor(kept: SharedRecords<CallRecord>, place: RecordPlace<CallRecord>) {
    this.#kept = kept;
    this.#place = place;
    this.endedAtMs = place.ring.endedAtMs(place.number);
  }

  /** Until so many others have come. */
  get isKept(): boolean {
    return this.#kept.isKept(this.#place);
  }

  /** Undefined when it is not kept any more. */
  read(): CallRecord | undefined {
    const { ring, number } = this.#place;
    return this.isKept ? ring.read(number) : undefined;
  }
}

/** Octets of the records that are kept: 10,000 of calls with one attempt are about 11 MB. */
const MOST_OCTETS = 64 * 1024 * 1024;

/** Keeps the latest call records for the API and appends every one to a JSONL file. */
export class CallRecordLog {
  readonly #kept: SharedRecords<CallRecord>;
  readonly #file: JsonlFile | undefined;
  readonly #listeners = new Set<(record: CallRecord) => void>();
  readonly #counts = new CallCounts();

  constructor(options: { log: Log; path?: string; capacity?: number }) {
    this.#kept = new SharedRecords(options.capacity ?? 10_000, MOST_OCTETS);
    this.#file = options.path === undefined ? undefined : new JsonlFile(options.path, options.log);
  }

  /** Takes the record over, which is whoever makes it's no more. */
  append(record: CallRecord): void {
    makeReadable(record);
    const line = new JsonLine(record);
    this.#kept.add(record, line);
    this.#counts.add(record);
    this.#file?.append(line);
    for (const listener of this.#listeners) listener(record);
  }

  onRecord(listener: (record: CallRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Matching records, those that came last first. Without a filter none is read. */
  *find(filter: CallRecordFilter = {}): Steps<FoundRecord[]> {
    const kept = this.#kept;
    const fromMs = instantOf(filter.from, -Infinity);
    const untilMs = instantOf(filter.until, Infinity);
    const parts = partsOf(filter);
    const found: FoundRecord[] = [];
    const isAny = Object.values(filter).every((wanted) => wanted === undefined);
    for (const place of kept.places()) {
      if (isAny) {
        found.push(new FoundRecord(kept, place));
        continue;
      }
      const { ring, number } = place;
      if (number % RECORDS_PER_STEP === 0) yield;
      const startedAtMs = ring.startedAtMs(number);
      if (startedAtMs < fromMs || startedAtMs >= untilMs) continue;
      const text = ring.text(number);
      if (text === undefined || !parts.every((part) => text.includes(part))) continue;
      const record = JSON.parse(text) as CallRecord;
      if (matches(record, filter)) found.push(new FoundRecord(kept, place));
    }
    return found;
  }

  /** The latest by the engine's call id or by the SIP Call-ID of a leg, which calls of several tenants may have; of one tenant where it is given. */
  get(id: string, tenant?: string): CallRecord | undefined {
    return this.#kept.get(id, tenant);
  }

  /** What the calls of the last day came to. */
  statistics(query: CallStatisticsQuery): Steps<CallStatistics> {
    return this.#counts.read(query);
  }

  /** For SIGHUP: the file was moved away. */
  async reopen(): Promise<void> {
    await this.#file?.reopen();
  }

  /** Resolves when everything is written. */
  async close(): Promise<void> {
    await this.#file?.close();
  }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Numbers and names came from peers as octets; people read records. */
function makeReadable(record: Mutable<CallRecord>): void {
  const ids = record.sipCallIds as string[];
  for (let index = 0; index < ids.length; index++) ids[index] = redactedText(ids[index] as string);
  record.callerNumber = redactedText(record.callerNumber);
  record.callerNumberSent = readable(record.callerNumberSent);
  record.calledNumber = redactedText(record.calledNumber);
  record.calledNumberSent = readable(record.calledNumberSent);
  record.outboundCallerId = readable(record.outboundCallerId);
  record.verification = readableVerification(record.verification);
  record.whatsapp = readableFacts(record.whatsapp);
  record.reason = redactedText(record.reason);
  for (const attempt of record.attempts as readonly Mutable<CallAttempt>[]) {
    attempt.reason = readable(attempt.reason);
    attempt.cause = readable(attempt.cause);
  }
}

function readableVerification(found: VerificationFacts | undefined): VerificationFacts | undefined {
  if (found === undefined) return undefined;
  return {
    result: found.result,
    source: found.source,
    attestation: found.attestation,
    number: readable(found.number),
    code: found.code,
    reason: readable(found.reason),
    originationId: readable(found.originationId),
    signer: readable(found.signer),
    divertedFrom: found.divertedFrom?.map(redactedText),
    ...(found.shown !== undefined && {
      shown: {
        name: redactedText(found.shown.name),
        icon: readable(found.shown.icon),
        callReason: readable(found.shown.callReason),
        signer: redactedText(found.shown.signer),
      },
    }),
    findings: found.findings.map(redactedText),
  };
}

function readableFacts(facts: WhatsappFacts | undefined): WhatsappFacts | undefined {
  if (facts === undefined) return undefined;
  const { durationSeconds, ...texts } = facts;
  const read = Object.entries(texts).map(([name, text]) => [name, readable(text)] as const);
  return { ...Object.fromEntries(read), ...(durationSeconds !== undefined && { durationSeconds }) };
}

function readable(text: string | undefined): string | undefined {
  return text === undefined ? undefined : redactedText(text);
}

/** Each is read, which takes 5 µs. */
const RECORDS_PER_STEP = 32;

function instantOf(iso: string | undefined, otherwise: number): number {
  return iso === undefined ? otherwise : Date.parse(iso);
}

/** What the JSON of every record that matches has somewhere; but for what stands in an attempt as well, hardly another has it. */
function partsOf({ number, q, ...fields }: CallRecordFilter): string[] {
  const parts = FIELDS_IN_TEXT.filter((name) => fields[name] !== undefined).map(
    (name) => `"${name}":${JSON.stringify(fields[name])}`,
  );
  if (number !== undefined) parts.push(JSON.stringify(number));
  if (q !== undefined) parts.push(JSON.stringify(q).slice(1, -1));
  return parts;
}

const FIELDS_IN_TEXT = ['tenant', 'direction', 'trunkId', 'status'] as const;

function matches(record: CallRecord, filter: CallRecordFilter): boolean {
  if (filter.tenant !== undefined && record.tenant !== filter.tenant) return false;
  if (filter.direction !== undefined && record.direction !== filter.direction) return false;
  if (filter.trunkId !== undefined && !usesTrunk(record, filter.trunkId)) return false;
  if (filter.status !== undefined && record.status !== filter.status) return false;
  if (filter.number !== undefined && !hasNumber(record, filter.number)) return false;
  return filter.q === undefined || numbersOf(record).some((number) => number?.includes(filter.q ?? ''));
}

function usesTrunk(record: CallRecord, trunkId: string): boolean {
  return record.trunkId === trunkId || record.attempts.some((attempt) => attempt.trunkId === trunkId);
}

function hasNumber(record: CallRecord, number: string): boolean {
  return numbersOf(record).includes(number);
}

function numbersOf(record: CallRecord): readonly (string | undefined)[] {
  const { callerNumber, calledNumber, callerNumberSent, calledNumberSent, extension } = record;
  return [callerNumber, calledNumber, callerNumberSent, calledNumberSent, extension];
}
