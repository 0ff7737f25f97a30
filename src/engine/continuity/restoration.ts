import type { Log } from '../../base/log.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';

const RETRY_MS = 1000;

export interface RestorationOptions {
  readonly scheduler: Scheduler;
  readonly log: Log;
  /** Reads what the store has; resolves with how many registrations came back. */
  readonly restore: () => Promise<number>;
}

/** Brings registrations back at the start; while the store cannot be read, again every second until they are here. */
export class Restoration implements TimerTarget {
  readonly #options: RestorationOptions;
  #timer: Timer | undefined;
  #isStopped = false;
  #hasFailed = false;

  constructor(options: RestorationOptions) {
    this.#options = options;
  }

  /** Tries once; a node starts without registrations rather than not at all. */
  async run(): Promise<void> {
    const { log, restore, scheduler } = this.#options;
    try {
      const count = await restore();
      if (count > 0) log.info('registrations-restored', { count });
    } catch (error) {
      if (!this.#hasFailed) log.warn('registrations-not-restored', { error: String(error) });
      this.#hasFailed = true;
      if (!this.#isStopped) this.#timer = scheduler.schedule(RETRY_MS, this, 0);
    }
  }

  onTimer(): void {
    void this.run();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer = cancelTimer(this.#timer);
  }
}
