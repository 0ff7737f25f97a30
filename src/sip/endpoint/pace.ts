import { threadComputedMs } from './backlog.ts';

/** Computing that may be done at once, ms: a turn's worth. More of it would be missing at the end of the quota's period. */
const BURST_MS = 5;
/** A scavenge on several cores takes so much at once, and is rested for; debts end with their period. */
const MOST_DEBT_MS = 50;
/** The shortest and the longest rest: what comes meanwhile is to be looked at soon. */
const LEAST_REST_MS = 0.5;
const MOST_REST_MS = 5;
/** The part of the quota that is spent: what the kernel counts and this thread does not see would end each period early. */
const SPENT_SHARE = 0.9;
/** Other threads that have computed so much without a pause are marking the heap: they take what there is, whoever rests. */
const MARKING_MS = 15;
const MOST_MARKING_MS = 30;
/** Of that so much is forgotten in each ms, of so long a time at most: the process may have stood still. */
const FORGOTTEN = 0.25;
const LONGEST_BEAT_MS = 10;

/**
 * Spreads the computing of a process that may use only a part of a core. Under the kernel's quota it runs until its part of the period
 * (usually 50 of 100 ms) is used up, and then stands still, whatever comes: nothing is read, refused or served. Who rests a few
 * milliseconds after each turn gets as much done and is never away for longer than that.
 *
 * But for the time in which V8 marks the heap on threads of its own: they use the quota up within a part of each period, and a thread that
 * rested then would have nothing of it.
 */
export class Pace {
  readonly #share: () => number;
  readonly #computedMs: () => number;
  readonly #ownMs: () => number;
  #creditMs = BURST_MS;
  #atMs = 0;
  #atComputedMs = 0;
  #atOwnMs = 0;
  /** What other threads have computed lately. */
  #othersMs = 0;

  /**
   * @param share of a core that the process may use; 1: it need not rest
   * @param computedMs what all threads of the process have computed: the quota is for all of them
   * @param ownMs what this thread has
   */
  constructor(
    share: () => number,
    computedMs: () => number = processComputedMs,
    ownMs: () => number = threadComputedMs,
  ) {
    this.#share = share;
    this.#computedMs = computedMs;
    this.#ownMs = ownMs;
  }

  /** Other threads take what this process may compute: V8 marks the heap, which passes by itself within half a second. */
  get othersCompute(): boolean {
    return this.#othersMs > MARKING_MS;
  }

  /** How long to rest before there is more done, ms. 0: not at all. */
  restMs(nowMs: number): number {
    const passedMs = nowMs - this.#atMs;
    const [computedMs, ownMs] = [this.#computedMs(), this.#ownMs()];
    const spentMs = computedMs - this.#atComputedMs;
    const othersMs = Math.max(0, spentMs - (ownMs - this.#atOwnMs));
    this.#atMs = nowMs;
    this.#atComputedMs = computedMs;
    this.#atOwnMs = ownMs;
    const forgottenMs = FORGOTTEN * Math.min(passedMs, LONGEST_BEAT_MS);
    this.#othersMs = Math.min(MOST_MARKING_MS, Math.max(0, this.#othersMs + othersMs - forgottenMs));
    const share = this.#share();
    if (share >= 1 || this.othersCompute) {
      this.#creditMs = 0;
      return 0;
    }
    const spread = share * SPENT_SHARE;
    this.#creditMs = Math.max(-MOST_DEBT_MS, Math.min(BURST_MS, this.#creditMs + passedMs * spread - spentMs));
    return this.#creditMs >= 0 ? 0 : Math.min(MOST_REST_MS, Math.max(LEAST_REST_MS, -this.#creditMs / spread));
  }
}

/** What all threads of this process have computed so far, ms. */
export function processComputedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
