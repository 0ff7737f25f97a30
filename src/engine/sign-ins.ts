/** Keeps who signed in from where beyond the life of the process, so that an attack that goes on over a restart locks nobody out. */
import type { Log } from '../base/log.ts';
import type { Scheduler, TimerTarget } from '../base/scheduler.ts';

export interface SignInStore {
  /** Pairs of user and address, the oldest first. */
  load(): Promise<readonly string[]>;
  add(pairs: readonly string[]): Promise<void>;
}

const BATCH_DELAY_MS = 250;
const RETRY_MS = 5_000;
const MAX_WAITING = 50_000;

/** Writes behind the answer to the phone; what the store does not take is tried again, and never keeps a phone waiting. */
export class SignIns implements TimerTarget {
  readonly #store: SignInStore | undefined;
  readonly #scheduler: Scheduler;
  readonly #log: Log;
  readonly #waiting = new Set<string>();
  #isArmed = false;
  #writing: Promise<boolean> | undefined;

  constructor(store: SignInStore | undefined, scheduler: Scheduler, log: Log) {
    this.#store = store;
    this.#scheduler = scheduler;
    this.#log = log;
  }

  /** Those of earlier lives; none when the store cannot be read. */
  async load(): Promise<readonly string[]> {
    try {
      return (await this.#store?.load()) ?? [];
    } catch (error) {
      this.#log.warn('sign-ins-not-read', { error: (error as Error).message });
      return [];
    }
  }

  /** This pair signed in for the first time. */
  add(pair: string): void {
    if (this.#store === undefined || this.#waiting.size >= MAX_WAITING) return;
    this.#waiting.add(pair);
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
      const pairs = [...this.#waiting];
      try {
        await this.#store?.add(pairs);
      } catch (error) {
        this.#log.warn('sign-ins-not-written', { pairs: pairs.length, error: (error as Error).message });
        this.#arm(RETRY_MS);
        return false;
      }
      for (const pair of pairs) this.#waiting.delete(pair);
    }
    return true;
  }

  #arm(delayMs: number): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#scheduler.schedule(delayMs, this, 0);
  }
}
