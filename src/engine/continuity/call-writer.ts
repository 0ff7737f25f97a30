/**
 * Writes the snapshots of calls behind, never in the path of a message: of many changes of a call the store has the last one, one write is
 * under way at a time, and what a store that is away has missed it is told when it is back.
 */
import type { Log } from '../../base/log.ts';
import { cancelTimer, pause, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';
import {
  type CallStore,
  type Calls,
  CallsForgotten,
  CallsTaken,
  type GrantSnapshot,
  type KeptCall,
  keptDocument,
  type LiveRecord,
} from '../../call/index.ts';
import { TOLD_AGAIN_MS, ToldEnds } from './told-ends.ts';

export interface CallWriterOptions {
  readonly store: CallStore;
  readonly scheduler: Scheduler;
  readonly log: Log;
  /** Names this process to the store. */
  readonly process: string;
  readonly calls: Calls;
  /** What the fraud guards have granted to it. */
  readonly grants: (record: LiveRecord) => readonly GrantSnapshot[];
  /** Calls of other processes that went on here and are over, as far as they are known. */
  readonly over: () => Iterable<string>;
}

/** Most calls of a burst are over sooner, or have news again; what is answered later than this before a crash is lost. */
const BEHIND_MS = 200;
/** An answer to BYE later than this is to one that was sent again (T1). */
const LATE_MS = 500;
/** The store hears so soon of the end of such a call, or of one that rang, and of all within that time. */
const BEHIND_LATE_MS = 20;
const RETRY_MS = 1_000;
/** How often a store that has failed is asked by who waits for it. */
const AGAIN_MS = 100;
/** How often a process says that it is alive while it has calls. */
export const ALIVE_MS = 10_000;
/** Snapshots that one write holds; between writes the thread is free. */
const MAX_WRITTEN = 200;

export class CallWriter implements TimerTarget {
  readonly #options: CallWriterOptions;
  /** Calls with news. */
  readonly #changed = new Set<string>();
  /** Calls that the store has, those of them that rang then, and those that it is to forget. */
  readonly #stored = new Set<string>();
  readonly #ringing = new Set<string>();
  readonly #ended = new Set<string>();
  /** Answered calls that the store lacks though it was their turn. */
  readonly #missing = new Set<string>();
  /** Why a call could not be written, last. */
  readonly #unwritable = new Map<string, string>();
  readonly #toldEnds: ToldEnds;
  /** Calls of other processes that are over: the store is to know. */
  #toNote: string[] = [];
  /** Calls that the store is to keep from others. */
  readonly #toClaim = new Set<string>();
  #timer: Timer | undefined = undefined;
  #dueMs = 0;
  /** When calls with news have their turn: not with each end that is told before, or each that lives for a moment would be written. */
  #newsDueMs = 0;
  #behindMs = BEHIND_MS;
  #isWriting = false;
  #writing: Promise<unknown> = Promise.resolve();
  #hasFailed = false;
  #isStopped = false;
  #aliveAtMs = 0;

  constructor(options: CallWriterOptions) {
    this.#options = options;
    this.#toldEnds = new ToldEnds(options.scheduler);
  }

  /** The call has news. */
  note(id: string): void {
    const call = this.#options.calls.get(id);
    if (call?.state === 'ending' && call.record.answeredAtMs === undefined) {
      this.#givenUp(id);
      return;
    }
    if (this.#changed.size === 0) this.#newsDueMs = this.#options.scheduler.nowMs() + BEHIND_MS;
    this.#changed.add(id);
    this.#arm(BEHIND_MS);
  }

  /** Who was asked may answer his CANCEL late or never, but the caller has his refusal: nobody is to place the call once more. */
  #givenUp(id: string): void {
    this.#changed.delete(id);
    if (!this.#ringing.has(id)) return;
    this.drop(id);
    this.#behindMs = BEHIND_LATE_MS;
    this.#arm(this.#hasFailed ? BEHIND_MS : BEHIND_LATE_MS);
  }

  /** The store has it of another process, as it rang or was answered there, and counts it as this one's. */
  found(id: string, rings: boolean): void {
    this.#stored.add(id);
    if (rings) this.#ringing.add(id);
  }

  /** The store is to forget what it has of it. */
  drop(id: string): void {
    this.#stored.delete(id);
    this.#ringing.delete(id);
    this.#ended.add(id);
  }

  /** What was found is in hand: the store hears of it, and that this process is alive. */
  begin(): void {
    this.#arm(BEHIND_MS);
  }

  /** A call that goes on here is nobody else's, though the store may come back with it. */
  claim(id: string): void {
    this.#toClaim.add(id);
  }

  /** A call of another process that went on here is over. */
  noteOver(id: string): void {
    this.#toNote.push(id);
    this.#ended.add(id);
  }

  /** The call has no news any more. @param endingMs how long after its end began */
  forget(id: string, endingMs = 0): void {
    this.#changed.delete(id);
    this.#missing.delete(id);
    this.#unwritable.delete(id);
    // What loses answers may be about to cut this node off: whoever follows it before the store knows would write a second record, and place
    // a call once more that was given up, or refused, as it rang.
    if (this.#ringing.delete(id) || endingMs > LATE_MS) this.#behindMs = BEHIND_LATE_MS;
    if (this.#stored.delete(id) || this.#toClaim.has(id)) this.#ended.add(id);
    if (this.#ended.has(id)) this.#arm(this.#hasFailed ? BEHIND_MS : this.#behindMs);
  }

  onTimer(): void {
    this.#timer = undefined;
    this.#writing = this.#write(false, this.#options.scheduler.nowMs() < this.#newsDueMs);
  }

  /** Whether the store has calls of this node, which another one may take. */
  get keepsCalls(): boolean {
    return this.#stored.size > 0;
  }

  /** Asks the store whose the calls are, and forgets those that are another node's by now. False: it did not answer. */
  async confirm(): Promise<boolean> {
    await this.#idle();
    const asking = this.#write(true);
    this.#writing = asking;
    return asking;
  }

  /**
   * Writes all that has news. False: not until the time.
   *
   * @param written called after each write, with what the store has and is to forget: it may move calls from one to the other
   */
  async writeAll(untilMs: number, written: (stored: Set<string>, ended: Set<string>) => void): Promise<boolean> {
    const { scheduler } = this.#options;
    for (;;) {
      await this.#idle();
      await this.#write();
      written(this.#stored, this.#ended);
      if (!this.#hasFailed && this.#changed.size === 0 && this.#ended.size === 0) return true;
      if (this.#hasFailed && scheduler.nowMs() >= untilMs) return false;
      if (this.#hasFailed) await pause(scheduler, AGAIN_MS);
    }
  }

  /** Each write arms the next one. */
  async #idle(): Promise<void> {
    this.#timer = cancelTimer(this.#timer);
    await this.#writing;
    this.#timer = cancelTimer(this.#timer);
  }

  /** From now on nothing is written: the store keeps what it has for another node. Those are returned. */
  leave(): readonly string[] {
    this.#isStopped = true;
    this.#timer = cancelTimer(this.#timer);
    const left = [...this.#stored];
    this.#stored.clear();
    return left;
  }

  /** The calls were ended in good order: the store forgets them. */
  async stop(): Promise<void> {
    this.#changed.clear();
    for (const id of this.leave()) this.#ended.add(id);
    await this.#writing;
    if (this.#ended.size > 0) await this.#write();
  }

  #arm(delayMs: number): void {
    if (this.#isWriting || this.#isStopped) return;
    const { scheduler } = this.#options;
    const dueMs = scheduler.nowMs() + delayMs;
    if (this.#timer !== undefined && this.#dueMs <= dueMs) return;
    this.#timer = cancelTimer(this.#timer);
    this.#timer = scheduler.schedule(delayMs, this, 0);
    this.#dueMs = dueMs;
  }

  /**
   * @param asks also when there is no news
   * @param isEarly news has its time yet
   * @returns false: the store did not answer
   */
  async #write(asks = false, isEarly = false): Promise<boolean> {
    const { store, log, process, scheduler } = this.#options;
    const aliveAtMs = this.storeMs;
    this.#behindMs = BEHIND_MS;
    const changed = isEarly ? [] : [...this.#changed].slice(0, MAX_WRITTEN);
    for (const id of changed) this.#changed.delete(id);
    const put = changed.flatMap((id) => this.#snapshot(id, aliveAtMs) ?? []);
    for (const { id } of put) this.#stored.add(id);
    for (const id of changed) this.#noteMissing(id);
    const ended = [...this.#ended];
    for (const id of ended) this.#ended.delete(id);
    const again = this.#toldEnds.take().filter((id) => !this.#stored.has(id) && !this.#changed.has(id));
    const over = this.#toNote.splice(0, MAX_WRITTEN);
    const isWhole = this.#changed.size === 0 && this.#missing.size === 0;
    this.#isWriting = true;
    let isWritten = true;
    try {
      if (put.length + ended.length + over.length + again.length > 0 || asks || this.#isDue(aliveAtMs)) {
        const whole = isWhole ? process : undefined;
        await store.write({ put, remove: [...ended, ...again], aliveAtMs, over, whole });
        if (store.shared !== undefined) this.#toldEnds.note(ended);
        await this.#claim();
        this.#aliveAtMs = aliveAtMs;
      }
      if (this.#hasFailed) log.info('calls-kept-again');
      this.#hasFailed = false;
    } catch (error) {
      isWritten = false;
      this.#toNote.push(...over);
      if (error instanceof CallsForgotten) {
        this.#isWriting = false;
        this.#writeAnew([...ended, ...again]);
        return true;
      }
      if (error instanceof CallsTaken) {
        for (const id of [...ended, ...again]) this.#ended.add(id);
        this.#forgetTaken(error.taken);
        for (const { id } of put) if (this.#stored.has(id)) this.#changed.add(id);
        this.#isWriting = false;
        this.#arm(BEHIND_MS);
        return true;
      }
      if (!this.#hasFailed) log.warn('calls-not-kept', { error: String(error) });
      this.#hasFailed = true;
      // What has ended meanwhile is in the store all the same.
      for (const { id } of put) if (this.#stored.has(id)) this.#changed.add(id);
      for (const id of [...ended, ...again]) this.#ended.add(id);
    }
    this.#isWriting = false;
    const hasEnds = this.#ended.size > 0 || this.#toNote.length > 0;
    const newsInMs = this.#newsDueMs - scheduler.nowMs();
    if (!isWritten) this.#arm(RETRY_MS);
    else if (hasEnds || this.#changed.size > 0) {
      if (hasEnds) this.#arm(this.#behindMs);
      if (this.#changed.size > 0) this.#arm(newsInMs > 0 ? newsInMs : BEHIND_MS);
    } else if (this.#toldEnds.hasAny) this.#arm(TOLD_AGAIN_MS);
    else if (this.#stored.size > 0 || store.shared !== undefined) this.#arm(ALIVE_MS);
    return isWritten;
  }

  /** The store came back empty, or as it was before: it is told everything again. */
  #writeAnew(ended: readonly string[]): void {
    this.#options.log.warn('calls-kept-anew', { count: this.#stored.size });
    for (const id of this.#stored) this.#changed.add(id);
    for (const id of ended) this.#ended.add(id);
    this.#toNote = [...this.#options.over()];
    this.#arm(BEHIND_MS);
  }

  #isAnswered(id: string): boolean {
    return this.#options.calls.get(id)?.state === 'answered';
  }

  /** What went on here is nobody else's, though the store may come back with it. */
  async #claim(): Promise<void> {
    if (this.#toClaim.size === 0) return;
    const claimed = [...this.#toClaim];
    await this.#options.store.shared?.claim(claimed);
    for (const id of claimed) this.#toClaim.delete(id);
  }

  /** Nodes need not agree about the time: what they tell each other is by the store's clock. */
  get storeMs(): number {
    return this.#options.scheduler.wallMs() - this.offsetMs;
  }

  /** From the clock of the store to that of this process. */
  get offsetMs(): number {
    return this.#options.store.clockOffsetMs?.() ?? 0;
  }

  #isDue(nowMs: number): boolean {
    const hasAny = this.#stored.size > 0 || this.#options.store.shared !== undefined;
    return hasAny && nowMs - this.#aliveAtMs >= ALIVE_MS / 2;
  }

  /** One that cannot be written is left out: the others are written all the same. */
  #snapshot(id: string, takenAtMs: number): KeptCall | undefined {
    const { calls, grants } = this.#options;
    const call = calls.get(id);
    try {
      const document = call && keptDocument(call, grants, takenAtMs);
      if (document === undefined) return undefined;
      if (this.#isAnswered(id)) this.#ringing.delete(id);
      else this.#ringing.add(id);
      return { id, document };
    } catch (error) {
      this.#noteUnwritable(id, String(error));
      return undefined;
    }
  }

  #noteUnwritable(id: string, error: string): void {
    if (this.#unwritable.get(id) !== error) this.#options.log.warn('call-not-kept', { call: id, error });
    this.#unwritable.set(id, error);
    // Who finds it as it rang would place an answered call once more.
    if (this.#ringing.has(id) && this.#isAnswered(id)) this.drop(id);
  }

  #noteMissing(id: string): void {
    if (!this.#stored.has(id) && this.#isAnswered(id)) this.#missing.add(id);
    else this.#missing.delete(id);
  }

  /** Another node says that it has gone on with these, which the store cannot say now. */
  lose(ids: readonly string[]): void {
    const lost = ids.filter((id) => this.#stored.has(id) || this.#missing.has(id));
    if (lost.length > 0) this.#forgetTaken(new Set(lost));
  }

  /** This node was silent for so long that another one goes on with these calls; it may have woken before that had them all. */
  #forgetTaken(taken: ReadonlySet<string>): void {
    const { log, calls } = this.#options;
    // What could not be written may have been taken as it rang, before the store had forgotten that.
    const held = new Set([...this.#stored, ...this.#missing]);
    const forgotten = [...held].filter((id) => taken.has(id));
    if (taken.size > 0) log.error('calls-taken', { count: forgotten.length, kept: held.size - forgotten.length });
    this.#toldEnds.clear();
    for (const id of taken) {
      this.#changed.delete(id);
      this.#ended.delete(id);
    }
    for (const id of forgotten) {
      this.#stored.delete(id);
      this.#ringing.delete(id);
      this.#missing.delete(id);
      this.#unwritable.delete(id);
      calls.forget(id);
    }
  }
}
