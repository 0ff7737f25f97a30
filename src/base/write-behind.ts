/** Writes to a store what was decided without it: soon, many at a time, and again until the store takes it. */
import type { Scheduler, TimerTarget } from './scheduler.ts';

export interface WriteBehindOptions<T> {
  readonly scheduler: Scheduler;
  /** Rejects when the store does not take them. */
  readonly write: (items: readonly T[]) => Promise<void>;
  readonly onRefused: (count: number, error: Error) => void;
}

const BATCH_DELAY_MS = 250;
const RETRY_MS = 5_000;
const MAX_WAITING = 50_000;

export class WriteBehind<T> implements TimerTarget {
  readonly #options: WriteBehindOptions<T>;
  readonly #waiting = new Map<string, T>();
  #isArmed = false;
  #writing: Promise<boolean> | undefined;

  constructor(options: WriteBehindOptions<T>) {
    this.#options = options;
  }

  /** The latest for a key counts. What is too much for a store that stays away is left out. */
  put(key: string, item: T): void {
    if (this.#waiting.size >= MAX_WAITING && !this.#waiting.has(key)) return;
    this.#waiting.set(key, item);
    this.#arm(BATCH_DELAY_MS);
  }

  onTimer(): void {
    this.#isArmed = false;
    void this.flush();
  }

  /** Writes what waits; false when the store refused. */
  flush(): Promise<boolean> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #write(): Promise<boolean> {
    while (this.#waiting.size > 0) {
      const written = [...this.#waiting];
      try {
        await this.#options.write(written.map(([, item]) => item));
      } catch (error) {
        this.#options.onRefused(written.length, error as Error);
        this.#arm(RETRY_MS);
        return false;
      }
      for (const [key, item] of written) if (this.#waiting.get(key) === item) this.#waiting.delete(key);
    }
    return true;
  }

  #arm(delayMs: number): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#options.scheduler.schedule(delayMs, this, 0);
  }
}
