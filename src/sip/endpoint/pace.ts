/** Computing that may be done at once, ms: a turn's worth. More of it would be missing at the end of the quota's period. */
const BURST_MS = 5;
/** The shortest and the longest rest: what comes meanwhile is to be looked at soon. */
const LEAST_REST_MS = 0.5;
const MOST_REST_MS = 5;
/** The part of the quota that is used: the kernel deals it out to each processor in pieces, and what is left of one is late for the others. */
const USED_SHARE = 0.98;
/** Of that, so much is this thread's whatever the others of the process compute, or V8, marking the heap for 0.4 s, would have all of it. */
const OWN_SHARE = 0.3;
/** Debts end with their period (usually 100 ms) at last: the kernel has made the process stand still for them. */
const LONGEST_DEBT_MS = 100;

/**
 * Spreads the computing of a process that may use only a part of a core. Under the kernel's quota it runs until its part of the period
 * (usually 50 of 100 ms) is used up, and then stands still, whatever comes: nothing is read, refused or served. Who rests a few
 * milliseconds after each turn gets as much done and is never away for longer than that. What other threads compute is rested for too, but
 * not all the time.
 */
export class Pace {
  readonly #share: () => number;
  readonly #computedMs: () => number;
  readonly #ownComputedMs: () => number;
  readonly #process = new Credit();
  readonly #own = new Credit();

  /**
   * @param share of a core that the process may use; 1: it need not rest
   * @param computedMs what all threads of the process have computed: the quota is for all of them
   * @param ownComputedMs what this thread has
   */
  constructor(share: () => number, computedMs: () => number, ownComputedMs: () => number) {
    this.#share = share;
    this.#computedMs = computedMs;
    this.#ownComputedMs = ownComputedMs;
  }

  /** How long to rest before there is more done, ms. 0: not at all. */
  restMs(nowMs: number): number {
    const share = this.#share() * USED_SHARE;
    if (share >= USED_SHARE) return 0;
    return Math.min(
      this.#process.owedMs(nowMs, share, this.#computedMs()),
      this.#own.owedMs(nowMs, share * OWN_SHARE, this.#ownComputedMs()),
    );
  }
}

/** What may be computed at once, of what is earned with time. */
class Credit {
  #creditMs = BURST_MS;
  #atMs = 0;
  #atComputedMs = 0;

  /** How long until nothing is owed any more, within the bounds of a rest. */
  owedMs(nowMs: number, share: number, computedMs: number): number {
    const earnedMs = (nowMs - this.#atMs) * share - (computedMs - this.#atComputedMs);
    this.#atMs = nowMs;
    this.#atComputedMs = computedMs;
    this.#creditMs = Math.max(-share * LONGEST_DEBT_MS, Math.min(BURST_MS, this.#creditMs + earnedMs));
    return this.#creditMs >= 0 ? 0 : Math.min(MOST_REST_MS, Math.max(LEAST_REST_MS, -this.#creditMs / share));
  }
}

/** What all threads of this process have computed so far, ms. */
export function processComputedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const NEVER_WOKEN = new Int32Array(new SharedArrayBuffer(4));

/** This thread does nothing for so long. */
export function sleep(ms: number): void {
  Atomics.wait(NEVER_WOKEN, 0, 0, ms);
}
