/**
 * Calls that ring or are answered outlive the process: their snapshots are in the store, written behind, never in the path of a message, and after a
 * crash or a restart the calls go on from there. Requests within their dialogs find them, session timers and limits run on, and each
 * gets its one call record.
 */
import { Latest } from '../../base/latest.ts';
import type { Log } from '../../base/log.ts';
import { cancelTimer, pause, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';
import {
  type CallSnapshot,
  type CallStore,
  type Calls,
  CallsForgotten,
  CallsTaken,
  type GrantSnapshot,
  type KeptCall,
  type KeptCalls,
  keptDocument,
  type LiveRecord,
  type Restorer,
  readKept,
  SHUTDOWN_REASONS,
} from '../../call/index.ts';
import { EndingCalls } from './ending-calls.ts';
import { OneByOne } from './one-by-one.ts';
import { TOLD_AGAIN_MS, ToldEnds } from './told-ends.ts';
import type { WaitingCallers } from './waiting-callers.ts';

export interface CallKeeperOptions {
  readonly store: CallStore;
  readonly scheduler: Scheduler;
  readonly log: Log;
  /** Names this process to the store. */
  readonly process: string;
  readonly calls: Calls;
  /** What the fraud guards have granted to it. */
  readonly grants: (record: LiveRecord) => readonly GrantSnapshot[];
  /** Takes the places and grants of a call that goes on, and says where its legs are reached. */
  readonly restorer: (snapshot: CallSnapshot) => Restorer;
  /** Goes on with calls whose callers still wait. */
  readonly waitingCallers: Pick<WaitingCallers, 'add' | 'count' | 'placeAll'>;
  /** The store, which was away at the start, has been read. */
  readonly onLateRead: () => void;
  /** A call of another node as this one goes on with it: with addresses of its own. */
  readonly movedHere: (snapshot: CallSnapshot) => CallSnapshot;
  /** Tells the parties of such a call where it is now. */
  readonly tell: (id: string) => void;
  /** Goes on ending a call that was being ended where it comes from. */
  readonly end: (id: string) => void;
}

/** Most calls of a burst are over sooner, or have news again; what is answered later than this before a crash is lost. */
const BEHIND_MS = 200;
/** An answer to BYE later than this is to one that was sent again (T1): the store hears of that end so soon, and of all within that time. */
const LATE_MS = 500;
const BEHIND_LATE_MS = 20;
const RETRY_MS = 1_000;
/** Whoever stops a node waits for it: one whose store does not answer gives its calls up after so long, and asks so often. */
const HAND_OVER_MS = 1_000;
const HAND_OVER_AGAIN_MS = 100;
/** How often a process says that it is alive while it has calls. */
const ALIVE_MS = 10_000;
/** Peers that sent BYE to nobody gave up after 32 s (64*T1): from then on nobody knows what became of a call meanwhile. */
const SURE_MS = 32_000 + ALIVE_MS;
/** Between the questions whether calls are still there. */
const PROBE_MS = 20;
/** Between calls of another node whose parties are told where they are now. */
const TELL_MS = 5;
/** Snapshots that one write holds; between writes the thread is free. */
const MAX_WRITTEN = 200;
/** Of calls that are over or have gone to others, and that nobody shall begin again, so many are known. */
const MOST_REMEMBERED = 50_000;

const WRITE = 1;
const READ = 2;

export class CallKeeper implements TimerTarget {
  readonly #options: CallKeeperOptions;
  /** Calls with news. */
  readonly #changed = new Set<string>();
  /** Calls that the store has, and those that it is to forget. */
  readonly #stored = new Set<string>();
  readonly #ended = new Set<string>();
  readonly #toldEnds: ToldEnds;
  /** Calls of other processes that go on here, those of them that are over, and those that the store is to keep from others. */
  readonly #adopted = new Set<string>();
  readonly #over = new Latest<string, true>(MOST_REMEMBERED);
  /** Of those over: the store is to know. */
  #toNote: string[] = [];
  /** Calls of this process that go on elsewhere. */
  readonly #moved = new Latest<string, true>(MOST_REMEMBERED);
  readonly #toClaim = new Set<string>();
  /** Of those that the process before had: some may have ended while nobody listened. */
  readonly #toProbe: OneByOne<string>;
  #timer: Timer | undefined = undefined;
  #dueMs = 0;
  #behindMs = BEHIND_MS;
  /** Calls that came from another node: their parties are told where they are now. */
  readonly #toTell: OneByOne<string>;
  /** Calls that were being ended where they come from: a party may not have heard of it. */
  readonly #toEnd: OneByOne<string>;
  #readTimer: Timer | undefined = undefined;
  #hasRead = false;
  #isWriting = false;
  #writing: Promise<unknown> = Promise.resolve();
  #hasFailed = false;
  #hasLeft = false;
  #isStopped = false;
  #aliveAtMs = 0;

  constructor(options: CallKeeperOptions) {
    this.#options = options;
    const { scheduler, calls } = options;
    this.#toldEnds = new ToldEnds(scheduler);
    this.#toProbe = new OneByOne(scheduler, PROBE_MS, (id) => calls.probe(id));
    this.#toTell = new OneByOne(scheduler, TELL_MS, options.tell);
    // The end that they have counts, not this one.
    this.#toEnd = new OneByOne(scheduler, TELL_MS, options.end);
  }

  /**
   * Brings back the calls of the process before; before a socket is open. A node starts without them rather than not at all: they come back
   * when the store does.
   */
  async restore(): Promise<void> {
    const { store, log, scheduler, waitingCallers, onLateRead } = this.#options;
    try {
      const kept = await store.load();
      const isLate = this.#readTimer !== undefined;
      this.#hasRead = true;
      this.#readTimer = cancelTimer(this.#readTimer);
      this.#goOnWith(kept);
      if (!isLate) return;
      waitingCallers.placeAll(true);
      onLateRead();
    } catch (error) {
      if (this.#readTimer === undefined) log.warn('calls-not-restored', { error: String(error) });
      if (!this.#isStopped) this.#readTimer = scheduler.schedule(RETRY_MS, this, READ);
    }
  }

  #goOnWith({ calls, aliveAtMs }: KeptCalls): void {
    const { log, waitingCallers } = this.#options;
    const downMs = this.#storeMs() - aliveAtMs;
    const restored = calls.filter((kept) => this.#restored(kept, (snapshot) => snapshot, downMs));
    if (calls.length === 0) return;
    this.#arm(BEHIND_MS);
    const [count, again] = [restored.length, waitingCallers.count];
    log.info('calls-restored', { count, again, lost: calls.length - count - again, downMs });
    const ids = restored.map(({ id }) => id);
    const ending = ids.filter((id) => this.#isEnding(id));
    this.#toEnd.add(ending, RETRY_MS);
    // After a short stop the news of an end may be lost that was not written yet; who is still sending BYE has its time first.
    this.#toProbe.add(ids, downMs > SURE_MS ? RETRY_MS : SURE_MS);
  }

  /** Whether the calls of the process before, and those that others have taken over, can be known here. */
  get hasRead(): boolean {
    return this.#hasRead;
  }

  /** Goes on with calls of a node, or of one of several, that has been silent for so long; the store counts them as this one's already. */
  takeOver(nodes: readonly string[], kept: readonly KeptCall[], silentMs: number): void {
    const { log, movedHere, waitingCallers } = this.#options;
    const restored = kept.filter((call) => this.#restored(call, movedHere, silentMs));
    for (const { id: taken } of restored) this.#rejoin(taken);
    this.#arm(BEHIND_MS);
    const [count, again] = [restored.length, waitingCallers.count];
    log.warn('calls-taken-over', { from: nodes.join(', '), count, again, lost: kept.length - count - again });
    waitingCallers.placeAll(false);
  }

  /** Goes on with a call that no store has. False: it is here, or was. */
  adopt(snapshot: CallSnapshot, by: () => Restorer): boolean {
    const { calls } = this.#options;
    if (this.hasEnded(snapshot.id) || calls.restore(snapshot, by) === undefined) return false;
    this.#adopted.add(snapshot.id);
    this.#toClaim.add(snapshot.id);
    this.#rejoin(snapshot.id);
    return true;
  }

  /** Both halves of it are here, if another one had come before. One that cannot be joined goes on as it is, and keeps no other from coming. */
  #rejoin(taken: string): void {
    const { calls, log } = this.#options;
    let id = taken;
    try {
      id = calls.rejoin(taken);
    } catch (error) {
      log.warn('call-not-restored', { call: taken, error: String(error) });
    }
    this.#note(id);
    (this.#isEnding(id) ? this.#toEnd : this.#toTell).add([id]);
  }

  #isEnding(id: string): boolean {
    return this.#options.calls.get(id)?.record.endedAtMs !== undefined;
  }

  /** Whether it went on here after another process, and is over. */
  hasEnded(id: string): boolean {
    return this.#over.has(id);
  }

  /** Whether it was here and goes on elsewhere. */
  hasMoved(id: string): boolean {
    return this.#moved.has(id);
  }

  has(id: string): boolean {
    return this.#options.calls.get(id) !== undefined;
  }

  onCallRinging({ id }: LiveRecord): void {
    this.#note(id);
  }

  onCallAnswered({ id }: LiveRecord): void {
    this.#note(id);
  }

  onCallChanged({ id }: LiveRecord): void {
    this.#note(id);
  }

  onCallEnded({ id }: LiveRecord, endingMs = 0): void {
    this.#changed.delete(id);
    // What loses answers may be about to cut this node off: whoever follows it before the store knows would write a second record.
    if (endingMs > LATE_MS) this.#behindMs = BEHIND_LATE_MS;
    if (this.#adopted.delete(id)) {
      this.#over.set(id, true);
      this.#toNote.push(id);
      this.#ended.add(id);
    }
    this.#forget(id);
  }

  onCallMoved({ id }: LiveRecord): void {
    this.#changed.delete(id);
    this.#adopted.delete(id);
    this.#moved.set(id, true);
    this.#forget(id);
  }

  #forget(id: string): void {
    if (this.#stored.delete(id) || this.#toClaim.has(id)) this.#ended.add(id);
    if (this.#ended.has(id)) this.#arm(this.#hasFailed ? BEHIND_MS : this.#behindMs);
  }

  onTimer(kind: number): void {
    if (kind === READ) {
      void this.restore();
      return;
    }
    this.#timer = undefined;
    this.#writing = this.#write();
  }

  /** Whether the store has calls of this node, which another one may take. */
  get keepsCalls(): boolean {
    return this.#stored.size > 0;
  }

  /** Asks the store whose the calls are, and forgets those that are another node's by now. False: it did not answer. */
  async confirm(): Promise<boolean> {
    this.#timer = cancelTimer(this.#timer);
    await this.#writing;
    this.#timer = cancelTimer(this.#timer);
    const asking = this.#write(true);
    this.#writing = asking;
    return asking;
  }

  /** Another node has the calls, or will in a moment. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /**
   * Leaves the calls to another node: they are written as they are now, and nobody is told anything here. Those that cannot be written
   * stay, and so does what is being ended just now: nobody goes on with a call of which one party has heard the end. What only this node
   * has (halves that ring for a call of another one) begins to end. Resolves with how many were left, once what was being ended has ended.
   */
  async handOver(): Promise<number> {
    const { store, calls, log, scheduler } = this.#options;
    for (const { id } of calls.list()) this.#changed.add(id);
    const ending = new EndingCalls(calls, scheduler);
    const untilMs = scheduler.nowMs() + HAND_OVER_MS;
    for (let isLeft = false; !isLeft; ) {
      // Each write arms the next one.
      this.#timer = cancelTimer(this.#timer);
      await this.#writing;
      this.#timer = cancelTimer(this.#timer);
      await this.#write();
      ending.move(this.#stored, this.#ended);
      if (this.#hasFailed && scheduler.nowMs() >= untilMs) return 0;
      if (this.#hasFailed) await pause(scheduler, HAND_OVER_AGAIN_MS);
      else isLeft = this.#changed.size === 0 && this.#ended.size === 0;
    }
    if (this.#stored.size + ending.size === 0) return 0;
    this.#isStopped = true;
    this.#hasLeft = true;
    this.#timer = cancelTimer(this.#timer);
    const left = [...this.#stored];
    this.#stored.clear();
    for (const id of left) calls.forget(id);
    // What nobody goes on with ends now: who answered it from here on would be cut off before he has spoken.
    for (const { id } of calls.list()) if (!ending.has(id)) calls.end(id, 'shutdown', SHUTDOWN_REASONS);
    // Without it the others find out by themselves that this node has gone.
    await store.shared
      ?.release()
      .catch((error: unknown) => log.warn('calls-not-handed-over', { error: String(error) }));
    log.info('calls-handed-over', { count: left.length });
    await ending.ended();
    return left.length;
  }

  /** The calls were ended in good order: the store forgets them. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer = cancelTimer(this.#timer);
    this.#toProbe.stop();
    this.#toTell.stop();
    this.#toEnd.stop();
    this.#readTimer = cancelTimer(this.#readTimer);
    this.#changed.clear();
    for (const id of this.#stored) this.#ended.add(id);
    this.#stored.clear();
    await this.#writing;
    if (this.#ended.size > 0) await this.#write();
  }

  #note(id: string): void {
    this.#changed.add(id);
    this.#arm(BEHIND_MS);
  }

  #arm(delayMs: number): void {
    if (this.#isWriting || this.#isStopped) return;
    const { scheduler } = this.#options;
    const dueMs = scheduler.nowMs() + delayMs;
    if (this.#timer !== undefined && this.#dueMs <= dueMs) return;
    this.#timer = cancelTimer(this.#timer);
    this.#timer = scheduler.schedule(delayMs, this, WRITE);
    this.#dueMs = dueMs;
  }

  /** @param downMs how long its process has not been heard of, at most */
  #restored({ id, document }: KeptCall, as: (snapshot: CallSnapshot) => CallSnapshot, downMs: number): boolean {
    const { calls, restorer, log, waitingCallers } = this.#options;
    this.#stored.add(id);
    try {
      const { waiting, answered } = readKept(document, this.#offsetMs());
      // The store has come back with what went on here without it.
      if (this.has(id)) {
        this.#note(id);
        return false;
      }
      if (waiting !== undefined) waitingCallers.add(waiting, downMs);
      const snapshot = answered !== undefined && !this.hasEnded(id) ? as(answered) : undefined;
      if (snapshot !== undefined && calls.restore(snapshot, () => restorer(snapshot)) !== undefined) {
        this.#adopted.add(id);
        return true;
      }
    } catch (error) {
      log.warn('call-not-restored', { call: id, error: String(error) });
    }
    this.#stored.delete(id);
    this.#ended.add(id);
    return false;
  }

  /** @param asks also when there is no news. False: the store did not answer. */
  async #write(asks = false): Promise<boolean> {
    const { store, log, process } = this.#options;
    const aliveAtMs = this.#storeMs();
    this.#behindMs = BEHIND_MS;
    const changed = [...this.#changed].slice(0, MAX_WRITTEN);
    const ended = [...this.#ended];
    for (const id of changed) this.#changed.delete(id);
    for (const id of ended) this.#ended.delete(id);
    const again = this.#toldEnds.take().filter((id) => !this.#stored.has(id) && !this.#changed.has(id));
    const over = this.#toNote.splice(0, MAX_WRITTEN);
    const put = changed.flatMap((id) => this.#snapshot(id, aliveAtMs) ?? []);
    for (const { id } of put) this.#stored.add(id);
    const isWhole = this.#changed.size === 0 && changed.every((id) => this.#stored.has(id) || !this.#isAnswered(id));
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
    const hasNews = this.#changed.size > 0 || this.#ended.size > 0 || this.#toNote.length > 0;
    if (!isWritten) this.#arm(RETRY_MS);
    else if (hasNews) this.#arm(this.#behindMs);
    else if (this.#toldEnds.hasAny) this.#arm(TOLD_AGAIN_MS);
    else if (this.#stored.size > 0 || store.shared !== undefined) this.#arm(ALIVE_MS);
    return isWritten;
  }

  /** The store came back empty, or as it was before: it is told everything again. */
  #writeAnew(ended: readonly string[]): void {
    this.#options.log.warn('calls-kept-anew', { count: this.#stored.size });
    for (const id of this.#stored) this.#changed.add(id);
    for (const id of ended) this.#ended.add(id);
    this.#toNote = [...this.#over.keys()];
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
  #storeMs(): number {
    return this.#options.scheduler.wallMs() - this.#offsetMs();
  }

  #offsetMs(): number {
    return this.#options.store.clockOffsetMs?.() ?? 0;
  }

  #isDue(nowMs: number): boolean {
    const hasAny = this.#stored.size > 0 || this.#options.store.shared !== undefined;
    return hasAny && nowMs - this.#aliveAtMs >= ALIVE_MS / 2;
  }

  /** One that cannot be kept is left out: the others are written all the same. */
  #snapshot(id: string, takenAtMs: number): KeptCall | undefined {
    const { calls, grants, log } = this.#options;
    const call = calls.get(id);
    try {
      const document = call && keptDocument(call, grants, takenAtMs);
      return document === undefined ? undefined : { id, document };
    } catch (error) {
      log.warn('call-not-kept', { call: id, error: String(error) });
      return undefined;
    }
  }

  /** Another node says that it has gone on with these, which the store cannot say now. */
  lose(ids: readonly string[]): void {
    const lost = ids.filter((id) => this.#stored.has(id));
    if (lost.length > 0) this.#forgetTaken(new Set(lost));
  }

  /** This node was silent for so long that another one goes on with these calls; it may have woken before that had them all. */
  #forgetTaken(taken: ReadonlySet<string>): void {
    const { log, calls } = this.#options;
    const forgotten = [...this.#stored].filter((id) => taken.has(id));
    if (taken.size > 0)
      log.error('calls-taken', { count: forgotten.length, kept: this.#stored.size - forgotten.length });
    this.#toldEnds.clear();
    for (const id of taken) {
      this.#changed.delete(id);
      this.#ended.delete(id);
    }
    for (const id of forgotten) {
      this.#stored.delete(id);
      calls.forget(id);
    }
  }
}
