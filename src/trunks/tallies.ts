/**
 * Counts of a period (minutes of a day, calls of a few seconds) that outlive the process and are those of all nodes on a store. What is
 * counted here counts here at once, and is written behind; what others have counted is heard of soon after.
 */
import type { Log } from '../base/log.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';

/** What all nodes have counted for a key, e.g. `2026-11-21 tenant acme`. It only grows. */
export interface TallyTotal {
  readonly key: string;
  readonly total: number;
  /** Wall clock, ms, from which on nobody needs it. */
  readonly untilMs: number;
}

export interface TallyAddition {
  readonly key: string;
  readonly add: number;
  /** The total that this node knows: a store that has lost it begins from there. */
  readonly known: number;
  readonly untilMs: number;
}

export interface TallyStore {
  load(): Promise<readonly TallyTotal[]>;
  /**
   * Adds, and answers with the totals in the same order; what is over may be forgotten, by the store's clock, or by `wallMs` where it has
   * none. Batches are numbered from 1: the same is not added again, whenever it comes, nor one before it.
   */
  add(batch: number, additions: readonly TallyAddition[], wallMs: number): Promise<readonly number[]>;
  /** Hears of totals that other nodes have changed. Absent where a node is alone. Returns the function that ends it. */
  onRemoteChange?(listener: (totals: readonly TallyTotal[]) => void): () => void;
}

export interface TalliesOptions {
  readonly scheduler: Scheduler;
  readonly log: Log;
  /** Default: what is counted ends with the process. */
  readonly store?: TallyStore | undefined;
  /** Others have counted so much more for a key. */
  readonly onCountedElsewhere: (key: string, count: number) => void;
}

/** Others tell twice a second how much of the total they know: what was added long ago they all do. */
const MOST_STRETCHES = 8;

/** One count, of all nodes as far as this one knows. */
export class Tally {
  readonly key: string;
  readonly untilMs: number;
  /** As the store has it. */
  total = 0;
  /** Being written. */
  sent = 0;
  /** To be written. */
  waiting = 0;
  /** The latest total that was heard of while some was being written: whether that is in it shows when it is known to be. */
  heard = 0;

  /** The stretches of the total that this process has added, e.g. from 60 to 80, of late. */
  readonly #added: { readonly from: number; to: number }[] = [];
  /** Up to here nobody knows any more. */
  #addedUnknownTo = 0;

  constructor(key: string, untilMs: number) {
    this.key = key;
    this.untilMs = untilMs;
  }

  /** Counted here, and not yet known to the others. */
  get own(): number {
    return this.sent + this.waiting;
  }

  get count(): number {
    return this.total + this.sent + this.waiting;
  }

  /** How much of the total beyond `from` was added here; what nobody knows counts as such. */
  addedHere(from: number): number {
    let sum = Math.max(0, this.#addedUnknownTo - from);
    for (const each of this.#added) sum += Math.max(0, each.to - Math.max(each.from, from));
    return sum;
  }

  /** The total has gone from `from` to `to` by what was added here. */
  noteAdded(from: number, to: number): void {
    const last = this.#added.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else if (this.#added.push({ from, to }) > MOST_STRETCHES) this.#addedUnknownTo = this.#added.shift()?.to ?? 0;
  }
}

interface Batch {
  readonly number: number;
  readonly tallies: readonly Tally[];
  /** It was sent before, and whether it was added then is not known. */
  isRepeated: boolean;
}

const BATCH_DELAY_MS = 250;
const RETRY_MS = 1_000;
const MOST_AT_ONCE = 500;
/** Beyond this many, those of periods that are over are looked for. */
const FIRST_PRUNE = 1_000;

export class Tallies implements TimerTarget {
  readonly #options: TalliesOptions;
  readonly #tallies = new Map<string, Tally>();
  readonly #dirty = new Set<Tally>();
  /** Additions whose answer has not come: they are written again as they were. */
  #batch: Batch | undefined;
  #batches = 0;
  #writing: Promise<boolean> | undefined;
  #timer: Timer | undefined;
  #isRefused = false;
  #pruneAt = FIRST_PRUNE;
  #endListening: (() => void) | undefined;

  constructor(options: TalliesOptions) {
    this.#options = options;
  }

  /** Brings back what was counted before, here and elsewhere. */
  async restore(): Promise<void> {
    const { store, log } = this.#options;
    this.#endListening = store?.onRemoteChange?.((totals) => this.#hear(totals));
    try {
      this.#hear((await store?.load()) ?? []);
    } catch (error) {
      log.warn('tallies-not-read', { error: (error as Error).message });
    }
  }

  /** @param untilMs wall clock, ms, from which on nobody needs it */
  of(key: string, untilMs: number): Tally {
    let tally = this.#tallies.get(key);
    if (tally === undefined) {
      if (this.#tallies.size >= this.#pruneAt) this.#prune();
      tally = new Tally(key, untilMs);
      this.#tallies.set(key, tally);
    }
    return tally;
  }

  /** Has what was counted written, soon. */
  write(tally: Tally): void {
    if (tally.waiting === 0 || this.#options.store === undefined) return;
    this.#dirty.add(tally);
    this.#arm(BATCH_DELAY_MS);
  }

  /** Writes what waits; false when the store refused. */
  flush(): Promise<boolean> {
    this.#timer = cancelTimer(this.#timer);
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async stop(): Promise<void> {
    this.#endListening?.();
    // What is counted while a batch is under way waits for the next one.
    if (await this.flush()) await this.flush();
    this.#timer = cancelTimer(this.#timer);
  }

  onTimer(): void {
    this.#timer = undefined;
    void this.flush();
  }

  /** Tallies that are kept. */
  get size(): number {
    return this.#tallies.size;
  }

  async #write(): Promise<boolean> {
    const { store, scheduler, log } = this.#options;
    if (store === undefined) return true;
    for (let batch = this.#nextBatch(); batch !== undefined; batch = this.#nextBatch()) {
      const additions = batch.tallies.map(({ key, sent, total, untilMs }) => ({
        key,
        add: sent,
        known: total,
        untilMs,
      }));
      let totals: readonly number[];
      try {
        totals = await store.add(batch.number, additions, Math.trunc(scheduler.wallMs()));
      } catch (error) {
        if (!this.#isRefused) log.warn('tallies-not-written', { count: additions.length, error: String(error) });
        this.#isRefused = true;
        batch.isRepeated = true;
        this.#arm(RETRY_MS);
        return false;
      }
      this.#isRefused = false;
      this.#batch = undefined;
      for (const [at, tally] of batch.tallies.entries()) this.#written(tally, totals[at] ?? 0, batch.isRepeated);
    }
    return true;
  }

  #nextBatch(): Batch | undefined {
    if (this.#batch !== undefined || this.#dirty.size === 0) return this.#batch;
    const tallies: Tally[] = [];
    for (const tally of this.#dirty) {
      this.#dirty.delete(tally);
      tally.sent = tally.waiting;
      tally.waiting = 0;
      if (tallies.push(tally) === MOST_AT_ONCE) break;
    }
    this.#batch = { number: ++this.#batches, tallies, isRepeated: false };
    return this.#batch;
  }

  #written(tally: Tally, total: number, isRepeated: boolean): void {
    const known = tally.total + tally.sent;
    // It may have been added the first time, and others' after it.
    tally.noteAdded(isRepeated ? tally.total : total - tally.sent, total);
    tally.sent = 0;
    tally.total = Math.max(tally.total, total, tally.heard);
    tally.heard = 0;
    const elsewhere = tally.total - known;
    if (elsewhere > 0) this.#options.onCountedElsewhere(tally.key, elsewhere);
  }

  #hear(totals: readonly TallyTotal[]): void {
    for (const { key, total, untilMs } of totals) {
      const tally = this.of(key, untilMs);
      const more = total - tally.total;
      if (tally.sent > 0) tally.heard = Math.max(tally.heard, total);
      if (more <= 0 || tally.sent > 0) continue;
      tally.total = total;
      this.#options.onCountedElsewhere(key, more);
    }
  }

  #prune(): void {
    const wallMs = this.#options.scheduler.wallMs();
    for (const [key, tally] of this.#tallies) {
      if (tally.untilMs > wallMs || tally.sent > 0) continue;
      this.#tallies.delete(key);
      this.#dirty.delete(tally);
    }
    this.#pruneAt = Math.max(FIRST_PRUNE, this.#tallies.size * 2);
  }

  #arm(delayMs: number): void {
    this.#timer ??= this.#options.scheduler.schedule(delayMs, this, 0);
  }
}
