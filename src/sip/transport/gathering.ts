/** The rate of messages is that of the last so many ms. */
const RATE_MS = 50;

/**
 * How long a socket rests so that several messages share a turn of the event loop, as network cards moderate their interrupts. A turn that
 * took its time by itself is not made longer: under load nothing waits. And where no other message is to be expected meanwhile, there is
 * nothing to wait for.
 */
export class Gathering {
  readonly #gatherMs: number;
  #handled = 0;
  #sinceMs = 0;
  #messagesPerMs = 0;

  /** @param gatherMs so long a turn takes at least */
  constructor(gatherMs: number) {
    this.#gatherMs = gatherMs;
  }

  /** A turn that began then has handled so many messages. Returns how long to rest, ms; 0: not at all. */
  restMs(handled: number, beganMs: number, nowMs: number): number {
    this.#noteRate(handled, nowMs);
    const restMs = this.#gatherMs - (nowMs - beganMs);
    return restMs > 0 && restMs * this.#messagesPerMs >= 1 ? restMs : 0;
  }

  #noteRate(handled: number, nowMs: number): void {
    this.#handled += handled;
    const durationMs = nowMs - this.#sinceMs;
    if (durationMs < RATE_MS) return;
    this.#messagesPerMs = this.#handled / durationMs;
    this.#handled = 0;
    this.#sinceMs = nowMs;
  }
}
