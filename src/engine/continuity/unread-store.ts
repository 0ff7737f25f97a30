/**
 * A node that starts while the store is away knows nothing of the calls that its process before had, nor whether another node has them by
 * now. Until it has read the store nobody is told that a call is over: what ends one waits, and anything else is to be sent again.
 */
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';
import type { ServerTransaction } from '../../sip/endpoint/index.ts';
import { HeaderId } from '../../sip/message/index.ts';

export interface UnreadStoreOptions {
  /** Whether the store has been read. */
  readonly hasRead: () => boolean;
  readonly scheduler: Scheduler;
}

interface Held {
  readonly untilMs: number;
  readonly isKnown: boolean;
  readonly again: () => void;
}

/** Less than the sender of a BYE or CANCEL waits (RFC 3261 §17.1.2.2: 64*T1). */
const HOLD_MS = 25_000;
const RETRY_SECONDS = '5';
/** That wait at one time: phones are strangers until their registrations have been read. */
const MAX_KNOWN = 2_000;
const MAX_STRANGE = 500;

export class UnreadStore implements TimerTarget {
  readonly #options: UnreadStoreOptions;
  /** In the order in which they came. */
  #held: Held[] = [];
  #knownCount = 0;
  #timer: Timer | undefined = undefined;

  constructor(options: UnreadStoreOptions) {
    this.#options = options;
  }

  get isUnread(): boolean {
    return !this.#options.hasRead();
  }

  /**
   * A request within a dialog that is not here, or to take the place of one. RFC 3261 §12.2.1.2: 481 and 408 alone would end it, so anything but BYE is answered 500.
   * False: the store has been read, or too many wait. @param again once it has been read, or is given up
   */
  takes(transaction: ServerTransaction, isKnown: boolean, again: () => void): boolean {
    if (!this.isUnread) return false;
    if (transaction.request.method === 'BYE') return this.hold(isKnown, again);
    transaction.reply(500, undefined, [[HeaderId.RetryAfter, RETRY_SECONDS]]);
    return true;
  }

  /** False: too many wait. */
  hold(isKnown: boolean, again: () => void): boolean {
    const { scheduler } = this.#options;
    const isFull = isKnown ? this.#knownCount >= MAX_KNOWN : this.#held.length - this.#knownCount >= MAX_STRANGE;
    if (isFull) return false;
    if (isKnown) this.#knownCount++;
    this.#held.push({ untilMs: scheduler.nowMs() + HOLD_MS, isKnown, again });
    this.#timer ??= scheduler.schedule(HOLD_MS, this, 0);
    return true;
  }

  /** It has been read: what waits comes again. */
  read(): void {
    this.#letGo(this.#held.length);
  }

  stop(): void {
    this.#timer = cancelTimer(this.#timer);
    this.#held = [];
    this.#knownCount = 0;
  }

  onTimer(): void {
    this.#timer = undefined;
    const nowMs = this.#options.scheduler.nowMs();
    const left = this.#held.findIndex(({ untilMs }) => untilMs > nowMs);
    this.#letGo(left < 0 ? this.#held.length : left);
  }

  #letGo(count: number): void {
    this.#timer = cancelTimer(this.#timer);
    const gone = this.#held.splice(0, count);
    this.#knownCount -= gone.filter(({ isKnown }) => isKnown).length;
    for (const { again } of gone) again();
    const [first] = this.#held;
    const { scheduler } = this.#options;
    if (first !== undefined) this.#timer ??= scheduler.schedule(first.untilMs - scheduler.nowMs(), this, 0);
  }
}
