/** So long what comes is counted, ms by the clock: longer than most pauses, after which all that came meanwhile is read at once. */
const WINDOW_MS = 20;
/** In so many of these in a row it is no burst: what was sent at once is in one, or in the second in part. */
const WINDOWS = 2;
/**
 * So many times what there is time for. With less nobody of those that are let in for a burst waits too long, and most who would be judged
 * anew have waited so long that their refusal would be late.
 */
const TIMES = 2.25;

/**
 * Whether clearly more requests come than there is time for, and go on coming. Requests wait for two reasons: the thread was away, as while
 * V8 marks the heap, and then they come as they always do; or too many come. What waits does not tell one from the other, what comes does.
 */
export class Rush {
  #windowMs = 0;
  #took = 0;
  #refused = 0;
  /** When the window began. */
  #waited = 0;
  #windows = 0;

  /** Two windows in a row were of too much. */
  get isOne(): boolean {
    return this.#windows >= WINDOWS;
  }

  took(): void {
    this.#took++;
  }

  refused(): void {
    this.#refused++;
  }

  /**
   * @param passedMs since the beat before, by the clock
   * @param waiting requests, now
   * @param costMs of one, as long as it takes by the clock where nothing else does
   * @param isMuch that wait: a few at a time come of themselves
   */
  beat(passedMs: number, waiting: number, costMs: number, isMuch: boolean): void {
    this.#windowMs += passedMs;
    if (this.#windowMs < WINDOW_MS) return;
    const came = waiting - this.#waited + this.#took + this.#refused;
    const isTooMuch = isMuch && came > this.#took && came * costMs > TIMES * this.#windowMs;
    this.#windows = isTooMuch ? this.#windows + 1 : 0;
    this.#windowMs = 0;
    this.#waited = waiting;
    this.#took = 0;
    this.#refused = 0;
  }
}
