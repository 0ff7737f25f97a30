import { Latest } from './latest.ts';
import type { Clock } from './scheduler.ts';

const MAX_KEYS = 10_000;

interface FailureLimits {
  readonly failures: number;
  readonly windowMs: number;
}

/** Counts failures (or what else there may not be too much of) by key, an address or a name, and says who has had too many of them in a window of time. */
export class FailureCounter {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #limits: FailureLimits;
  readonly #keys = new Latest<string, { sinceMs: number; count: number }>(MAX_KEYS);

  constructor(clock: Pick<Clock, 'nowMs'>, limits: FailureLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  isBlocked(key: string): boolean {
    const entry = this.#keys.get(key);
    if (entry === undefined) return false;
    if (this.#clock.nowMs() - entry.sinceMs >= this.#limits.windowMs) {
      this.#keys.delete(key);
      return false;
    }
    return entry.count >= this.#limits.failures;
  }

  /** What is returned takes them back, in the window in which they were counted. */
  count(key: string, many = 1): () => void {
    const known = this.#keys.get(key);
    // Where all were taken back no window runs.
    const entry = known !== undefined && known.count > 0 ? known : { sinceMs: this.#clock.nowMs(), count: 0 };
    if (entry !== known) this.#keys.set(key, entry);
    entry.count += many;
    return () => {
      entry.count -= many;
    };
  }
}
