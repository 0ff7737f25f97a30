import { ApiProblem } from './problem.ts';

/** How many changes of one owner may wait. */
const MAX_WAITING = 100;

/**
 * One change at a time: each is thought out on the state that the one before it left. Owners (a tenant's admins together, the system's)
 * have their turns one after the other, so that a storm of one keeps nobody else waiting for more than one change of its.
 */
export class OwnerTurns {
  readonly #waiting = new Map<string, (() => void)[]>();
  #isBusy = false;

  /** Throws an ApiProblem when too many of this owner's wait already. */
  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    if (this.#isBusy) await this.#turn(owner);
    this.#isBusy = true;
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  #turn(owner: string): Promise<void> {
    const line = this.#waiting.get(owner) ?? [];
    if (line.length >= MAX_WAITING) {
      throw new ApiProblem(
        429,
        'too-many-changes',
        `${MAX_WAITING} changes wait already; send the next when they are done`,
        {
          headers: { 'retry-after': '1' },
        },
      );
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    line.push(resolve);
    this.#waiting.set(owner, line);
    return promise;
  }

  /** The owner that has waited longest since its last turn is next. */
  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#isBusy = false;
      return;
    }
    const [owner, line] = first;
    const go = line.shift();
    this.#waiting.delete(owner);
    if (line.length > 0) this.#waiting.set(owner, line);
    go?.();
  }
}
