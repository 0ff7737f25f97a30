/** The rate of messages is that of the last so many ms. */
const RATE_MS = 50;
/** What a turn costs by itself, code and data brought into the processor's caches, is little beside so many messages. */
const ENOUGH_MESSAGES = 28;
/** Of the time given, a turn takes this part at least. */
const LEAST_SHARE = 0.5;
/** Datagrams that wait in the kernel meanwhile, at most: a buffer that it grants unasked holds three times as many of the largest that are usual. */
const MOST_WAITING = 64;

/**
 * How long a thread rests so that several messages share a turn of the event loop, as network cards moderate their interrupts. A turn that
 * took its time by itself is not made longer: under load nothing waits. And where no other message is to be expected meanwhile, there is
 * nothing to wait for. Where many come, less time brings enough of them together, and the event loop is back sooner. What is read and not let
 * in is nothing to wait for; but it takes its place in the kernel's buffer, and the rest is over before that is full.
 *
 * All sockets of a layer share it, since whoever rests holds the thread from all of them: their messages are one rate, and it rests once, after
 * the last of those that have something to handle or to send. One that rested before the others would have theirs wait.
 */
export class Gathering {
  readonly #gatherMs: number;
  /** Sockets whose turns are to come, or under way. */
  #turns = 0;
  #beganMs = 0;
  #handledInTurns = 0;
  #handled = 0;
  #read = 0;
  #sinceMs: number | undefined;
  #messagesPerMs = 0;
  #datagramsPerMs = 0;

  /** @param gatherMs so long a turn takes at least; where many messages come, down to half as long */
  constructor(gatherMs: number) {
    this.#gatherMs = gatherMs;
  }

  /** A socket wants a turn of the event loop; it says when that is over ({@link end}). */
  begin(nowMs: number): void {
    if (this.#turns++ === 0) {
      this.#beganMs = nowMs;
      this.#handledInTurns = 0;
    }
    this.#sinceMs ??= nowMs;
  }

  /** So many messages were handled in a turn that goes on, and so many datagrams were read for it, all that came. */
  handled(messages: number, datagrams: number): void {
    this.#handled += messages;
    this.#read += datagrams;
    this.#handledInTurns += messages;
  }

  /** A socket's turn is over. Returns how long the thread is to rest, ms; 0: not at all. */
  end(nowMs: number): number {
    this.#measure(nowMs);
    if (--this.#turns > 0 || this.#handledInTurns === 0) return 0;
    const enoughMs = Math.max(this.#gatherMs * LEAST_SHARE, ENOUGH_MESSAGES / this.#messagesPerMs);
    const turnMs = Math.min(this.#gatherMs, enoughMs, MOST_WAITING / this.#datagramsPerMs);
    const restMs = turnMs - (nowMs - this.#beganMs);
    return restMs > 0 && restMs * this.#messagesPerMs >= 1 ? restMs : 0;
  }

  #measure(nowMs: number): void {
    const durationMs = nowMs - (this.#sinceMs ?? nowMs);
    if (durationMs < RATE_MS) return;
    this.#messagesPerMs = this.#handled / durationMs;
    this.#datagramsPerMs = this.#read / durationMs;
    this.#handled = 0;
    this.#read = 0;
    this.#sinceMs = nowMs;
  }
}
