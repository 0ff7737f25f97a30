/**
 * Ends of calls that the store was told, and is told once more a while later: a Redis that crashes, and one that follows another by failover,
 * may have forgotten the last second.
 */
import type { Clock } from '../../base/scheduler.ts';

/** Between the two. */
export const TOLD_AGAIN_MS = 5_000;

export class ToldEnds {
  readonly #clock: Clock;
  #told: { readonly atMs: number; readonly ids: readonly string[] }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether any are to be told again. */
  get hasAny(): boolean {
    return this.#told.length > 0;
  }

  note(ids: readonly string[]): void {
    if (ids.length > 0) this.#told.push({ atMs: this.#clock.nowMs(), ids });
  }

  /** What is to be told again now; it is not given out twice. */
  take(): string[] {
    const nowMs = this.#clock.nowMs();
    const due = this.#told.filter(({ atMs }) => nowMs - atMs >= TOLD_AGAIN_MS);
    this.#told = this.#told.slice(due.length);
    return due.flatMap(({ ids }) => ids);
  }

  clear(): void {
    this.#told = [];
  }
}
