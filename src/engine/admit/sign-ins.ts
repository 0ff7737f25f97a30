/** Keeps who signed in from where beyond the life of the process, so that an attack that goes on over a restart locks nobody out. */
import type { Log } from '../../base/log.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import { WriteBehind } from '../../base/write-behind.ts';
import type { SignInStore } from '../../registrar/index.ts';

/** Writes behind the answer to the phone; what the store does not take is tried again, and never keeps a phone waiting. */
export class SignIns {
  readonly #store: SignInStore | undefined;
  readonly #log: Log;
  readonly #behind: WriteBehind<string> | undefined;

  constructor(store: SignInStore | undefined, scheduler: Scheduler, log: Log) {
    this.#store = store;
    this.#log = log;
    if (store === undefined) return;
    this.#behind = new WriteBehind({
      scheduler,
      write: (pairs) => store.add(pairs),
      onRefused: (pairs, { message }) => log.warn('sign-ins-not-written', { pairs, error: message }),
    });
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
    this.#behind?.put(pair, pair);
  }

  /** Writes what waits; false when the store refused. */
  async flush(): Promise<boolean> {
    return (await this.#behind?.flush()) ?? true;
  }
}
