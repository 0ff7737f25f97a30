/** How long the kernel must have refused all that was sent to a peer, ms: copies of a request come sooner (RFC 3261 §17.1.1.2: T1, 2*T1). */
const LASTING_MS = 2_000;
/** Between two refusals that are further apart nothing may have been sent; they say nothing about the time between, ms. */
const MOST_APART_MS = 5_000;

/**
 * What the kernel has refused to send to one peer since it took the last datagram. A full table passes; a firewall rule stays, and then
 * waiting for an answer is in vain.
 */
export class KernelRefusals {
  #sinceMs: number;
  #latestMs: number;
  #isLasting = false;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
    this.#latestMs = nowMs;
  }

  /** Another one. True: it is no matter of the moment. */
  add(nowMs: number): boolean {
    if (nowMs - this.#latestMs > MOST_APART_MS) this.#sinceMs = nowMs;
    this.#latestMs = nowMs;
    this.#isLasting ||= nowMs - this.#sinceMs >= LASTING_MS;
    return this.#isLasting;
  }
}
