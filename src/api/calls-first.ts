import type { Clock } from '../base/scheduler.ts';

/** A request goes on after so long whatever waits: somebody must be able to see, and to change, a node that has too much to do. */
const MOST_WAIT_MS = 1_000;

/**
 * Lets HTTP requests in after what came over SIP: one a turn of the event loop, once the sockets were read, and none while messages of known
 * peers wait. Where there is time for both a request waits for a turn, which is well below a millisecond.
 */
export class CallsFirst {
  readonly #clock: Clock;
  readonly #callsWait: () => boolean;
  readonly #waiting: { readonly sinceMs: number; readonly goOn: () => void }[] = [];
  #isScheduled = false;

  /** @param callsWait whether messages of known peers wait now */
  constructor(clock: Clock, callsWait: () => boolean) {
    this.#clock = clock;
    this.#callsWait = callsWait;
  }

  /** Resolves when the next request has its turn. */
  turn(): Promise<void> {
    return new Promise((goOn) => {
      this.#waiting.push({ sinceMs: this.#clock.nowMs(), goOn });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#onTurn());
  }

  #onTurn(): void {
    this.#isScheduled = false;
    const [first] = this.#waiting;
    if (first === undefined) return;
    if (!this.#callsWait() || this.#clock.nowMs() - first.sinceMs >= MOST_WAIT_MS) {
      this.#waiting.shift();
      first.goOn();
    }
    if (this.#waiting.length > 0) this.#schedule();
  }
}
