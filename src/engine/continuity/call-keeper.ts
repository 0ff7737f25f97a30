/**
 * Calls that ring or are answered outlive the process: their snapshots are in the store (`call-writer.ts`), and after a
 * crash or a restart the calls go on from there. Requests within their dialogs find them, session timers and limits run on, and each
 * gets its one call record.
 */
import { Latest } from '../../base/latest.ts';
import { cancelTimer, type Timer, type TimerTarget } from '../../base/scheduler.ts';
import {
  type CallObserver,
  type CallSnapshot,
  type KeptCall,
  type KeptCalls,
  type LiveRecord,
  type Restorer,
  readKept,
  SHUTDOWN_REASONS,
} from '../../call/index.ts';
import { ALIVE_MS, CallWriter, type CallWriterOptions } from './call-writer.ts';
import { EndingCalls } from './ending-calls.ts';
import { OneByOne } from './one-by-one.ts';
import type { OtherHalves } from './other-halves.ts';
import type { WaitingCallers } from './waiting-callers.ts';

export interface CallKeeperOptions extends Omit<CallWriterOptions, 'over'> {
  /** Takes the places and grants of a call that goes on, and says where its legs are reached. */
  readonly restorer: (snapshot: CallSnapshot) => Restorer;
  /** Goes on with calls whose callers still wait. */
  readonly waitingCallers: Pick<WaitingCallers, 'add' | 'count' | 'placeAll'>;
  /** The store, which was away at the start, has been read. */
  readonly onLateRead: () => void;
  /** A call of another node as this one goes on with it: with addresses of its own. */
  readonly movedHere: (snapshot: CallSnapshot) => CallSnapshot;
  /** Tell the parties of such a call where it is now, and go on ending one that was being ended where it comes from. */
  readonly halves: Pick<OtherHalves, 'tell' | 'end'>;
}

const RETRY_MS = 1_000;
/** Whoever stops a node waits for it: one whose store does not answer gives its calls up after so long. */
const HAND_OVER_MS = 1_000;
/** Peers that sent BYE to nobody gave up after 32 s (64*T1): from then on nobody knows what became of a call meanwhile. */
const SURE_MS = 32_000 + ALIVE_MS;
/** Between the questions whether calls are still there. */
const PROBE_MS = 20;
/** Between calls of another node whose parties are told where they are now. */
const TELL_MS = 5;
/** Of calls that are over or have gone to others, and that nobody shall begin again, so many are known. */
const MOST_REMEMBERED = 50_000;

export class CallKeeper implements Partial<CallObserver>, TimerTarget {
  readonly #options: CallKeeperOptions;
  readonly writer: CallWriter;
  /** Calls of other processes that go on here, and those of them that are over. */
  readonly #adopted = new Set<string>();
  readonly #over = new Latest<string, true>(MOST_REMEMBERED);
  /** Calls of this process that go on elsewhere. */
  readonly #moved = new Latest<string, true>(MOST_REMEMBERED);
  /** Of those that the process before had: some may have ended while nobody listened. */
  readonly #toProbe: OneByOne<string>;
  /** Calls that came from another node: their parties are told where they are now. */
  readonly #toTell: OneByOne<string>;
  /** Calls that were being ended where they come from: a party may not have heard of it. */
  readonly #toEnd: OneByOne<string>;
  #readTimer: Timer | undefined = undefined;
  #hasRead = false;
  #hasLeft = false;
  #isStopped = false;

  constructor(options: CallKeeperOptions) {
    this.#options = options;
    const { scheduler, calls, halves } = options;
    this.writer = new CallWriter({ ...options, over: () => this.#over.keys() });
    this.#toProbe = new OneByOne(scheduler, PROBE_MS, (id) => calls.guarded(id, () => calls.probe(id)));
    this.#toTell = new OneByOne(scheduler, TELL_MS, (id) => calls.guarded(id, () => halves.tell(id)));
    // The end that they have counts, not this one.
    this.#toEnd = new OneByOne(scheduler, TELL_MS, (id) => calls.guarded(id, () => halves.end(id)));
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
      if (!this.#isStopped) this.#readTimer = scheduler.schedule(RETRY_MS, this, 0);
    }
  }

  #goOnWith({ calls, aliveAtMs }: KeptCalls): void {
    const { log, waitingCallers } = this.#options;
    const downMs = this.writer.storeMs - aliveAtMs;
    const restored = calls.filter((kept) => this.#restored(kept, (snapshot) => snapshot, downMs));
    if (calls.length === 0) return;
    this.writer.begin();
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
    this.writer.begin();
    const [count, again] = [restored.length, waitingCallers.count];
    log.warn('calls-taken-over', { from: nodes.join(', '), count, again, lost: kept.length - count - again });
    waitingCallers.placeAll(false);
  }

  /** Goes on with a call that no store has. False: it is here, or was. */
  adopt(snapshot: CallSnapshot, by: () => Restorer): boolean {
    const { calls } = this.#options;
    if (this.hasEnded(snapshot.id) || calls.restore(snapshot, by) === undefined) return false;
    this.#adopted.add(snapshot.id);
    this.writer.claim(snapshot.id);
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
    this.writer.note(id);
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
    this.writer.note(id);
  }

  onCallAnswered({ id }: LiveRecord): void {
    this.writer.note(id);
  }

  onCallChanged({ id }: LiveRecord): void {
    this.writer.note(id);
  }

  onCallEnded({ id }: LiveRecord, endingMs = 0): void {
    if (this.#adopted.delete(id)) {
      this.#over.set(id, true);
      this.writer.noteOver(id);
    }
    this.writer.forget(id, endingMs);
  }

  onCallMoved({ id }: LiveRecord): void {
    this.#adopted.delete(id);
    this.#moved.set(id, true);
    this.writer.forget(id);
  }

  onTimer(): void {
    void this.restore();
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
    for (const { id } of calls.list()) this.writer.note(id);
    const ending = new EndingCalls(calls, scheduler);
    const untilMs = scheduler.nowMs() + HAND_OVER_MS;
    const isWritten = await this.writer.writeAll(untilMs, (stored, ended) => ending.move(stored, ended));
    if (!isWritten || (!this.writer.keepsCalls && ending.size === 0)) return 0;
    this.#isStopped = true;
    this.#hasLeft = true;
    const left = this.writer.leave();
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
    this.#toProbe.stop();
    this.#toTell.stop();
    this.#toEnd.stop();
    this.#readTimer = cancelTimer(this.#readTimer);
    await this.writer.stop();
  }

  /** @param downMs how long its process has not been heard of, at most */
  #restored({ id, document }: KeptCall, as: (snapshot: CallSnapshot) => CallSnapshot, downMs: number): boolean {
    const { calls, restorer, log, waitingCallers } = this.#options;
    try {
      const { waiting, answered } = readKept(document, this.writer.offsetMs);
      this.writer.found(id, waiting !== undefined);
      // The store has come back with what went on here without it.
      if (this.has(id)) {
        this.writer.note(id);
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
    this.writer.drop(id);
    return false;
  }
}
