import { notNow } from './problem.ts';

/** Whose turn it is: a tenant's admins have theirs together. */
export function ownerOf({ tenant, actor }: { readonly tenant?: string | undefined; readonly actor: string }): string {
  return tenant === undefined ? actor : `tenant:${tenant}`;
}

/**
 * One work at a time. Owners (a tenant's admins together, the system's) have their turns one after the other, so that a storm of one keeps
 * nobody else waiting for more than one of its works.
 */
export class OwnerTurns {
  readonly #most: number;
  readonly #what: string;
  readonly #waiting = new Map<string, (() => void)[]>();
  #isBusy = false;

  /**
   * @param most how many works of one owner may wait
   * @param what they are called where one more is refused, e.g. `changes`
   */
  constructor(most: number, what: string) {
    this.#most = most;
    this.#what = what;
  }

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
    if (line.length >= this.#most) {
      const detail = `${this.#most} ${this.#what} wait already; send the next when they are done`;
      throw notNow(429, 'too-many-changes', detail, 1);
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
