import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';

/** Does something with each of many, one after the other, so that calls have their turns in between. */
export class OneByOne<T> implements TimerTarget {
  readonly #scheduler: Scheduler;
  readonly #betweenMs: number;
  readonly #act: (item: T) => void;
  readonly #items: T[] = [];
  #timer: Timer | undefined = undefined;

  constructor(scheduler: Scheduler, betweenMs: number, act: (item: T) => void) {
    this.#scheduler = scheduler;
    this.#betweenMs = betweenMs;
    this.#act = act;
  }

  /** These come after those that wait. Where none did, the first has its turn `afterMs` from now. */
  add(items: readonly T[], afterMs = this.#betweenMs): void {
    this.#items.push(...items);
    if (this.#items.length > 0) this.#timer ??= this.#scheduler.schedule(afterMs, this, 0);
  }

  /** Those that wait are left. */
  stop(): void {
    this.#timer = cancelTimer(this.#timer);
    this.#items.length = 0;
  }

  onTimer(): void {
    const item = this.#items.shift();
    this.#timer = this.#items.length === 0 ? undefined : this.#scheduler.schedule(this.#betweenMs, this, 0);
    if (item !== undefined) this.#act(item);
  }
}
