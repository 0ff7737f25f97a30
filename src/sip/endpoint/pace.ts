/** Computing that may be done at once, ms: a turn's worth. More of it would be missing at the end of the quota's period. */
const BURST_MS = 5;
/** As much as a period of the usual quota gives: what a collection of garbage takes at once, on several cores, is rested for as well. */
const MOST_DEBT_MS = 50;
/** The shortest and the longest rest: what comes meanwhile is to be looked at soon. */
const LEAST_REST_MS = 0.5;
const MOST_REST_MS = 5;

/**
 * Spreads the computing of a process that may use only a part of a core. Under the kernel's quota it runs until its part of the period
 * (usually 50 of 100 ms) is used up, and then stands still, whatever comes: nothing is read, refused or served. Who rests a few
 * milliseconds after each turn gets as much done and is never away for longer than that.
 */
export class Pace {
  readonly #share: () => number;
  readonly #computedMs: () => number;
  #creditMs = BURST_MS;
  #atMs = 0;
  #atComputedMs = 0;

  /**
   * @param share of a core that the process may use; 1: it need not rest
   * @param computedMs what all threads of the process have computed: the quota is for all of them
   */
  constructor(share: () => number, computedMs: () => number = processComputedMs) {
    this.#share = share;
    this.#computedMs = computedMs;
  }

  /** How long to rest before there is more done, ms. 0: not at all. */
  restMs(nowMs: number): number {
    const share = this.#share();
    if (share >= 1) return 0;
    const computedMs = this.#computedMs();
    const earnedMs = (nowMs - this.#atMs) * share - (computedMs - this.#atComputedMs);
    this.#atMs = nowMs;
    this.#atComputedMs = computedMs;
    // Debts end with their period at last: the kernel has made the process stand still for them.
    this.#creditMs = Math.max(-MOST_DEBT_MS, Math.min(BURST_MS, this.#creditMs + earnedMs));
    return this.#creditMs >= 0 ? 0 : Math.min(MOST_REST_MS, Math.max(LEAST_REST_MS, -this.#creditMs / share));
  }
}

/** What all threads of this process have computed so far, ms. */
export function processComputedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
