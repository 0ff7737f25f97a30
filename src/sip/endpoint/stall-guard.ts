import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';

const BEAT_MS = 100;
const MAX_RETRY_SECONDS = 4;

/**
 * Refuses new requests that have waited where nobody sees them: while the process was stopped, or its thread was busy with something else,
 * they lay in the sockets. A beat that comes later than `maxWaitMs` finds such requests; whoever sent them has sent them again, or given up.
 *
 * Pass `() => guard.retryAfterSeconds()` as the endpoint's `overloadSeconds`.
 */
export class StallGuard implements TimerTarget {
  readonly #scheduler: Scheduler;
  readonly #maxWaitMs: number;
  #dueMs: number;
  #hasWaited = false;
  #timer: Timer | undefined;

  constructor(scheduler: Scheduler, maxWaitMs: number) {
    this.#scheduler = scheduler;
    this.#maxWaitMs = maxWaitMs;
    this.#dueMs = scheduler.nowMs() + BEAT_MS;
    this.#timer = scheduler.schedule(BEAT_MS, this, 0);
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
    this.#dueMs = nowMs + BEAT_MS;
    this.#timer = this.#scheduler.schedule(BEAT_MS, this, 0);
  }
}
