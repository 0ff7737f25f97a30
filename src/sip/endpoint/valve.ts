/** So often the rate is judged, ms by the clock. */
const WINDOW_MS = 50;
/** What goes on has waited too long for what begins, ms of work: the rate becomes less by this factor. */
const LONG_MS = 20;
const LESS = 0.9;
/** It has not waited long: the rate may become more, by so much where the thread had nothing else to do in all of the window. */
const SHORT_MS = 10;
const MORE = 0.3;
/** What was not served for so long may be at once, ms: about a turn of the event loop. */
const BURST_MS = 20;

/**
 * How many of those that begin something are served in a time, while more come than there is time for.
 *
 * A new call costs a part of its time at once, and more when it is answered, acknowledged and ended. Whoever serves as many as there is time
 * for at the moment has the rest of them to do later, and refuses everybody meanwhile: load comes in waves, and those let in at the end of
 * one wait for all of it. So they are served at a rate, which begins at what was served lately, becomes more while time is left and less
 * while what goes on waits. It is kept by whoever is loaded, so peers need not know of it (those that would: RFC 7415).
 */
export class Valve {
  /** Requests in a ms; 0: as many as come. */
  #perMs = 0;
  /** Requests that may be served now; below 0 where some were served that might not be. */
  #room = 0;
  #atMs = 0;
  #windowEndsMs = 0;
  #longestWaitMs = 0;
  #idleMs = 0;
  /** Served in this window. */
  #taken = 0;

  /**
   * On each turn of the event loop in which something waits.
   *
   * @param isOver more come than there is time for
   * @param costMs what one costs by the clock with all that follows: the rate to begin with
   */
  beat(nowMs: number, isOver: boolean, costMs: number): void {
    if (!isOver) {
      this.#perMs = 0;
      return;
    }
    if (this.#perMs === 0) {
      this.#perMs = 1 / costMs;
      this.#room = 0;
      this.#atMs = nowMs;
      this.#beginWindow(nowMs);
    } else if (nowMs >= this.#windowEndsMs) {
      this.#judge(this.#taken / (nowMs - this.#windowEndsMs + WINDOW_MS));
      this.#beginWindow(nowMs);
    }
    this.#room = Math.min(Math.max(1, BURST_MS * this.#perMs), this.#room + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
  }

  /** Another one may be served. */
  get isOpen(): boolean {
    return this.#perMs === 0 || this.#room >= 1;
  }

  /** One is served. */
  took(): void {
    this.#taken++;
    this.#room = Math.max(-BURST_MS * this.#perMs, this.#room - 1);
  }

  /** Something that goes on has waited so long, ms of work. */
  waited(ms: number): void {
    if (ms > this.#longestWaitMs) this.#longestWaitMs = ms;
  }

  /** For so long the thread rested, or served strangers, while nobody who is known waited but those that may not be served yet, ms. */
  idled(ms: number): void {
    this.#idleMs += ms;
  }

  /** @param served in a ms of this window, whether they might be or not: between the two ends of it lies what there is time for */
  #judge(served: number): void {
    if (this.#longestWaitMs > LONG_MS) this.#perMs = LESS * Math.max(this.#perMs, served);
    else if (this.#longestWaitMs < SHORT_MS) {
      const more = this.#perMs * (1 + MORE * Math.min(1, this.#idleMs / WINDOW_MS));
      this.#perMs = Math.max(this.#perMs, Math.min(more, 2 * served));
    }
  }

  #beginWindow(nowMs: number): void {
    this.#windowEndsMs = nowMs + WINDOW_MS;
    this.#longestWaitMs = 0;
    this.#idleMs = 0;
    this.#taken = 0;
  }
}
