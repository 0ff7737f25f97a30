import { SharedBudget } from '../base/shared-budget.ts';

/** With the connections that are kept open it is within what a node's descriptors have to spare. */
const MAX_POSTS = 128;

/** Who posts one thing at a time. */
export interface Poster {
  /** Whose it is; stays while it waits or posts. */
  readonly owner: string;
  /** It has a place now. Ends with {@link PostPlaces.giveBack}. */
  onPlace(): void;
}

/** Places for posts under way: one owner has three quarters at most, the next three quarters of the rest. Who waits has a turn, owners in turn. */
export class PostPlaces {
  readonly #held = new SharedBudget(MAX_POSTS);
  /** By owner, of whom each has its share: else nobody of it would wait. */
  readonly #waiting = new Map<string, Set<Poster>>();

  /** Tells it at once, or when it is its turn. */
  ask(poster: Poster): void {
    if (!this.#held.hasShare(poster.owner, 1)) {
      this.#start(poster);
      return;
    }
    const ofOwner = this.#waiting.get(poster.owner);
    if (ofOwner === undefined) this.#waiting.set(poster.owner, new Set([poster]));
    else ofOwner.add(poster);
  }

  /** It waits no longer. */
  withdraw(poster: Poster): void {
    const ofOwner = this.#waiting.get(poster.owner);
    ofOwner?.delete(poster);
    if (ofOwner?.size === 0) this.#waiting.delete(poster.owner);
  }

  giveBack(owner: string): void {
    this.#held.change(owner, -1);
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.withdraw(next);
      this.#start(next);
    }
  }

  #start(poster: Poster): void {
    this.#held.change(poster.owner, 1);
    poster.onPlace();
  }

  #next(): Poster | undefined {
    for (const [owner, posters] of this.#waiting) {
      if (this.#held.hasShare(owner, 1)) continue;
      // Behind all other owners.
      this.#waiting.delete(owner);
      this.#waiting.set(owner, posters);
      return posters.values().next().value;
    }
    return undefined;
  }
}
