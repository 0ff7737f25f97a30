import { threadComputedMs } from './backlog.ts';
import { processComputedMs } from './pace.ts';

export interface WorkClockOptions {
  /** The share of a core that this process may use, where that is limited: what it computes takes so much longer by the clock. Default: 1. */
  readonly cpuShare?: (() => number) | undefined;
  /** Ms that this thread has computed. Default: as the kernel counts it. */
  readonly computedMs?: () => number;
  /** Ms that all threads of this process have computed, which a limited share is for. Default: as the kernel counts it. */
  readonly processComputedMs?: () => number;
}

/** What this thread computes, and the others of its process, by the time that it takes under the quota there is. */
export class WorkClock {
  /** Of a core, for this process. */
  readonly cpuShare: () => number;
  /** Ms that this thread has computed. */
  readonly computedMs: () => number;
  /** Ms that all threads of the process have. */
  readonly processComputedMs: () => number;
  /** What this thread had computed when {@link workMs} was asked last. */
  lookedMs = 0;
  #workedMs = 0;
  /** What other threads of the process had computed when that was noted, and when it was; undefined: there was no quota. */
  #othersMs = 0;
  #notedMs: number | undefined = undefined;

  constructor(options: WorkClockOptions) {
    this.cpuShare = options.cpuShare ?? (() => 1);
    this.computedMs = options.computedMs ?? threadComputedMs;
    this.processComputedMs = options.processComputedMs ?? processComputedMs;
  }

  /** What this thread has computed, as long as it takes. */
  workMs(): number {
    const computedMs = this.computedMs();
    this.#workedMs += (computedMs - this.lookedMs) / this.cpuShare();
    this.lookedMs = computedMs;
    return this.#workedMs;
  }

  /** Under a quota: the part of it that other threads of the process have had since this was asked last, and how long that is, ms. */
  lent(nowMs: number, tell: (part: number, passedMs: number) => void): void {
    const share = this.cpuShare();
    const sinceMs = this.#notedMs;
    this.#notedMs = share < 1 ? nowMs : undefined;
    if (share >= 1 || nowMs === sinceMs) return;
    const othersMs = this.processComputedMs() - this.computedMs();
    if (sinceMs !== undefined) {
      const passedMs = nowMs - sinceMs;
      tell((othersMs - this.#othersMs) / (share * passedMs), passedMs);
    }
    this.#othersMs = othersMs;
  }
}
