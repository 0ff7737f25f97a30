import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';

/** Each beat wakes an idle process. */
const MOST_BEAT_MS = 500;
const LEAST_BEAT_MS = 100;
/** A standstill may be longer by a beat before it is noticed. */
const BEATS_IN_WAIT = 10;
const MAX_RETRY_SECONDS = 4;

/**
 * Refuses new requests that have waited where nobody sees them: while the process was stopped, or its thread was busy with something else,
 * they lay in the sockets. A beat that comes later than `maxWaitMs` finds such requests; whoever sent them has sent them again, or given up.
 * The beat after it comes soon: what was sent meanwhile has been read by then.
 *
 * Pass `() => guard.retryAfterSeconds()` as the endpoint's `overloadSeconds`.
 */
export class StallGuard implements TimerTarget {
  readonly #scheduler: Scheduler;
  readonly #maxWaitMs: number;
  readonly #beatMs: number;
  #dueMs: number;
  #hasWaited = false;
  #timer: Timer | undefined = undefined;

  constructor(scheduler: Scheduler, maxWaitMs: number) {
    this.#scheduler = scheduler;
    this.#maxWaitMs = maxWaitMs;
    this.#beatMs = Math.min(MOST_BEAT_MS, Math.max(LEAST_BEAT_MS, maxWaitMs / BEATS_IN_WAIT));
    this.#dueMs = this.#beat(scheduler.nowMs());
  }

  /** Undefined: let it in. Else when to come back: spread, so that those refused together do not return together (RFC 3261 §21.5.4). */
  retryAfterSeconds(): number | undefined {
    return this.#hasWaited ? 1 + Math.floor(Math.random() * MAX_RETRY_SECONDS) : undefined;
  }

  stop(): void {
    this.#timer = cancelTimer(this.#timer);
  }

  onTimer(): void {
    const nowMs = this.#scheduler.nowMs();
    this.#hasWaited = nowMs - this.#dueMs > this.#maxWaitMs;
    this.#dueMs = this.#beat(nowMs);
  }

  /** When the next one is due. */
  #beat(nowMs: number): number {
    const beatMs = this.#hasWaited ? LEAST_BEAT_MS : this.#beatMs;
    this.#timer = this.#scheduler.schedule(beatMs, this, 0);
    return nowMs + beatMs;
  }
}
