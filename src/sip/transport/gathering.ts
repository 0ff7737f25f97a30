/** The rate of messages is that of the last so many ms. */
const RATE_MS = 50;
/** What a turn costs by itself, code and data brought into the processor's caches, is little beside so many messages. */
const ENOUGH_MESSAGES = 28;
/** Of the time given, a turn takes this part at least. */
const LEAST_SHARE = 0.5;

/**
 * How long a socket rests so that several messages share a turn of the event loop, as network cards moderate their interrupts. A turn that
 * took its time by itself is not made longer: under load nothing waits. And where no other message is to be expected meanwhile, there is
 * nothing to wait for. Where many come, less time brings enough of them together, and the event loop is back sooner.
 */
export class Gathering {
  readonly #gatherMs: number;
  #handled = 0;
  #sinceMs = 0;
  #messagesPerMs = 0;

  /** @param gatherMs so long a turn takes at least; where many messages come, down to half as long */
  constructor(gatherMs: number) {
    this.#gatherMs = gatherMs;
  }

  /** A turn that began then has handled so many messages. Returns how long to rest, ms; 0: not at all. */
  restMs(handled: number, beganMs: number, nowMs: number): number {
    this.#noteRate(handled, nowMs);
    const enoughMs = ENOUGH_MESSAGES / this.#messagesPerMs;
    const turnMs = Math.max(this.#gatherMs * LEAST_SHARE, Math.min(this.#gatherMs, enoughMs));
    const restMs = turnMs - (nowMs - beganMs);
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
