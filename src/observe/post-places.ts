import { OwnersInTurn } from '../base/owners-in-turn.ts';
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
  /** Of owners that have their share: else nobody would wait. */
  readonly #waiting = new OwnersInTurn<Poster>();

  /** Tells it at once, or when it is its turn. */
  ask(poster: Poster): void {
    if (this.#held.hasShare(poster.owner, 1)) this.#waiting.add(poster.owner, poster);
    else this.#start(poster);
  }

  /** It waits no longer. */
  withdraw(poster: Poster): void {
    this.#waiting.delete(poster.owner, poster);
  }

  giveBack(owner: string): void {
    this.#held.change(owner, -1);
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#start(next);
  }

  #start(poster: Poster): void {
    this.#held.change(poster.owner, 1);
    poster.onPlace();
  }

  #next(): Poster | undefined {
    return this.#waiting.take((owner) => !this.#held.hasShare(owner, 1));
  }
}
