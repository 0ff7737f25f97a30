import { OwnersInTurn } from '../base/owners-in-turn.ts';
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
  readonly #waiting = new OwnersInTurn<() => void>();
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
    if (this.#waiting.countOf(owner) >= this.#most) {
      const detail = `${this.#most} ${this.#what} wait already; send the next when they are done`;
      throw notNow(429, 'too-many-changes', detail, 1);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(owner, resolve);
    return promise;
  }

  #next(): void {
    const go = this.#waiting.take();
    if (go === undefined) this.#isBusy = false;
    else go();
  }
}
