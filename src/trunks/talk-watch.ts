/** Looks after the minutes of a day while calls run that use them up. */
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';

/** What other nodes use up, and what is set anew, is seen so often. */
const LOOK_MS = 1_000;
/** Between two looks at least: what is left is a fraction of a millisecond sometimes. */
const LEAST_MS = 10;

/** One timer for all calls; none while no call runs whose minutes are limited. */
export class TalkWatch implements TimerTarget {
  readonly #scheduler: Scheduler;
  readonly #look: () => number | undefined;
  #timer: Timer | undefined = undefined;
  #dueMs = Number.POSITIVE_INFINITY;

  /** @param look does what has to be done now, and says after how many ms somebody's minutes are used up; undefined: nobody uses any */
  constructor(scheduler: Scheduler, look: () => number | undefined) {
    this.#scheduler = scheduler;
    this.#look = look;
  }

  /** A look is due in `delayMs` at the latest. */
  within(delayMs: number): void {
    const nowMs = this.#scheduler.nowMs();
    const dueMs = nowMs + Math.min(LOOK_MS, Math.max(LEAST_MS, delayMs));
    if (dueMs >= this.#dueMs) return;
    this.stop();
    this.#dueMs = dueMs;
    this.#timer = this.#scheduler.schedule(dueMs - nowMs, this, 0);
  }

  onTimer(): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
    const nextMs = this.#look();
    if (nextMs !== undefined) this.within(nextMs);
  }

  stop(): void {
    this.#timer = cancelTimer(this.#timer);
    this.#dueMs = Number.POSITIVE_INFINITY;
  }
}
