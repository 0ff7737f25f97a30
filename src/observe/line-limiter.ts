import type { Clock } from '../base/scheduler.ts';
import { SharedBudget } from '../base/shared-budget.ts';

/** What was held back, by event name. */
export type Suppressed = ReadonlyMap<string, number>;

const OTHER = 'other';
const MAX_NAMES = 50;
/** Of the room, what lines may have that are no warnings and errors. */
const USUAL_PART = 0.8;

/**
 * Lets a bounded number of lines per second through and counts the rest by event name, so that a flood costs neither the disk nor the
 * event loop and still shows in the log as one line with its counts. A fifth of the room is kept for warnings and errors, and lines about
 * one tenant have three quarters at most.
 */
export class LineLimiter {
  readonly #clock: Clock;
  /** Of this second, by tenant; of none: the node's own, and what strangers bring about. */
  readonly #lines: SharedBudget;
  #secondStartMs = Number.NEGATIVE_INFINITY;
  #suppressed = new Map<string, number>();

  constructor(clock: Clock, linesPerSecond: number) {
    this.#clock = clock;
    // One line of each second is left for the report of what was held back.
    this.#lines = new SharedBudget(linesPerSecond - 1);
  }

  /** Lines held back and not yet reported. */
  get suppressedCount(): number {
    let count = 0;
    for (const lines of this.#suppressed.values()) count += lines;
    return count;
  }

  /** Whether this line may be written now. */
  admit(event: string, important: boolean, tenant = ''): boolean {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#secondStartMs >= 1000) {
      this.#secondStartMs = nowMs;
      this.#lines.clear();
    }
    const part = important ? 1 : USUAL_PART;
    if (this.#lines.fill < part && (tenant === '' || !this.#lines.hasShare(tenant, part))) {
      this.#lines.change(tenant, 1);
      return true;
    }
    const name = this.#suppressed.has(event) || this.#suppressed.size < MAX_NAMES ? event : OTHER;
    this.#suppressed.set(name, (this.#suppressed.get(name) ?? 0) + 1);
    return false;
  }

  /** The counts of a second that is over, once; undefined while there is nothing to report. */
  takeReport(force = false): Suppressed | undefined {
    if (this.#suppressed.size === 0) return undefined;
    if (!force && this.#clock.nowMs() - this.#secondStartMs < 1000) return undefined;
    const report = this.#suppressed;
    this.#suppressed = new Map();
    return report;
  }
}
