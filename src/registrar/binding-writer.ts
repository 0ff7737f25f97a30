import type { Log } from '../base/log.ts';
import type { Scheduler, TimerTarget } from '../base/scheduler.ts';
import { type BindingChange, type BindingStore, OthersWroteError } from './ports.ts';

const BATCH_DELAY_MS = 100;
const MAX_BATCH = 500;
const MAX_RETRY_MS = 5000;
const MAX_OVERTAKEN = 10;

/**
 * Writes changed bindings to the store, behind the answer to the phone.
 *
 * Rules it keeps: one write at a time; an AOR that changes many times is written once, as it is then; a failed write is tried again
 * with growing pauses, so memory is bounded by the number of AORs; it never throws into the caller; nothing is written while it is held.
 */
export class BindingWriter implements TimerTarget {
  readonly #store: BindingStore;
  readonly #scheduler: Scheduler;
  readonly #log: Log;
  readonly #read: (aor: string) => BindingChange;
  readonly #dirty = new Set<string>();
  #isArmed = false;
  #isHeld = false;
  #writing: Promise<boolean> | undefined = undefined;
  #failures = 0;
  /** By AOR that waits how often in a row others wrote it first. */
  readonly #overtaken = new Map<string, number>();

  constructor(store: BindingStore, scheduler: Scheduler, log: Log, read: (aor: string) => BindingChange) {
    this.#store = store;
    this.#scheduler = scheduler;
    this.#log = log;
    this.#read = read;
  }

  /** AORs whose bindings are not in the store yet. */
  get pendingCount(): number {
    return this.#dirty.size;
  }

  changed(aor: string): void {
    this.#dirty.add(aor);
    this.#arm(BATCH_DELAY_MS);
  }

  onTimer(): void {
    this.#isArmed = false;
    if (this.#writing === undefined && this.#dirty.size > 0 && !this.#isHeld) void this.#writeBatch();
  }

  /** Nothing is written until {@link release}: what is in the store has to be read first. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    if (this.#dirty.size > 0) this.#arm(BATCH_DELAY_MS);
  }

  /** Writes everything that is pending; false when the store refused, or while nothing may be written. For shutdown. */
  async flush(): Promise<boolean> {
    while (this.#writing !== undefined || this.#dirty.size > 0) {
      if (this.#isHeld && this.#writing === undefined) return false;
      const written = await (this.#writing ?? this.#writeBatch());
      if (!written) return false;
    }
    return true;
  }

  #arm(delayMs: number): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#scheduler.schedule(delayMs, this, 0);
  }

  #writeBatch(): Promise<boolean> {
    const aors: string[] = [];
    for (const aor of this.#dirty) {
      if (aors.length === MAX_BATCH) break;
      aors.push(aor);
    }
    for (const aor of aors) this.#dirty.delete(aor);
    const writing = this.#write(aors);
    this.#writing = writing;
    return writing;
  }

  async #write(aors: readonly string[]): Promise<boolean> {
    try {
      await this.#store.write(aors.map(this.#read));
      this.#failures = 0;
      for (const aor of aors) this.#overtaken.delete(aor);
      return true;
    } catch (error) {
      const left = error instanceof OthersWroteError ? error.aors : aors;
      for (const aor of left) this.#dirty.add(aor);
      const isWritten = left.length < aors.length;
      if (isWritten) this.#failures = 0;
      // What they wrote is in the lists by now.
      if (error instanceof OthersWroteError && !this.#isAlwaysOvertaken(aors, left)) return true;
      if (!isWritten) this.#failures++;
      this.#log.error('binding-store-failed', { pending: this.#dirty.size, error: String(error) });
      return isWritten;
    } finally {
      this.#writing = undefined;
      if (this.#dirty.size > 0) this.#arm(Math.min(BATCH_DELAY_MS * 2 ** this.#failures, MAX_RETRY_MS));
    }
  }

  /** Whether others have written one of those that are left first each time; it is then counted anew. */
  #isAlwaysOvertaken(aors: readonly string[], left: readonly string[]): boolean {
    const before = left.map((aor) => this.#overtaken.get(aor) ?? 0);
    for (const aor of aors) this.#overtaken.delete(aor);
    const isAlways = before.some((times) => times + 1 >= MAX_OVERTAKEN);
    if (!isAlways) for (const [at, aor] of left.entries()) this.#overtaken.set(aor, (before[at] ?? 0) + 1);
    return isAlways;
  }
}
