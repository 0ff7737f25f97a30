import { pause, type Scheduler } from '../../base/scheduler.ts';
import type { Calls } from '../../call/index.ts';

/** As long as an answer to BYE may be under way. */
const ENDING_MS = 500;
const LOOK_MS = 20;

/**
 * Calls that are being ended as their node leaves: one party has heard the end, the other is about to. Nobody goes on with them; they end
 * here.
 */
export class EndingCalls {
  readonly #calls: Pick<Calls, 'get'>;
  readonly #scheduler: Scheduler;
  readonly #ids = new Set<string>();

  constructor(calls: Pick<Calls, 'get'>, scheduler: Scheduler) {
    this.#calls = calls;
    this.#scheduler = scheduler;
  }

  get size(): number {
    return this.#ids.size;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Those that are being ended go from `stored` to `ended`. */
  move(stored: Set<string>, ended: Set<string>): void {
    for (const id of stored) {
      if (this.#calls.get(id)?.state !== 'ending') continue;
      stored.delete(id);
      ended.add(id);
      this.#ids.add(id);
    }
  }

  /** Resolves when all of them have ended, or had the time to. */
  async ended(): Promise<void> {
    for (let waitedMs = 0; waitedMs < ENDING_MS && this.#isAnyLeft(); waitedMs += LOOK_MS)
      await pause(this.#scheduler, LOOK_MS);
  }

  #isAnyLeft(): boolean {
    for (const id of this.#ids) if (this.#calls.get(id) !== undefined) return true;
    return false;
  }
}
