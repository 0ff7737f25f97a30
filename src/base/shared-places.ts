import { OwnersInTurn } from './owners-in-turn.ts';
import { SharedBudget } from './shared-budget.ts';

/** Who wants a place. */
export interface PlaceSeeker {
  /** Whose it is; stays while it waits or has one. */
  readonly owner: string;
  /** It has a place now. Ends with {@link SharedPlaces.giveBack}. */
  onPlace(): void;
}

/** Places for what is under way: one owner has three quarters at most, the next three quarters of the rest. Who waits has a turn, owners in turn. */
export class SharedPlaces {
  readonly #held: SharedBudget;
  /** Of owners that have their share: else nobody would wait. */
  readonly #waiting = new OwnersInTurn<PlaceSeeker>();

  constructor(most: number) {
    this.#held = new SharedBudget(most);
  }

  /** Tells it at once, or when it is its turn. */
  ask(seeker: PlaceSeeker): void {
    if (this.#held.hasShare(seeker.owner, 1)) this.#waiting.add(seeker.owner, seeker);
    else this.#start(seeker);
  }

  /** It waits no longer. */
  withdraw(seeker: PlaceSeeker): void {
    this.#waiting.delete(seeker.owner, seeker);
  }

  giveBack(owner: string): void {
    this.#held.change(owner, -1);
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#start(next);
  }

  #start(seeker: PlaceSeeker): void {
    this.#held.change(seeker.owner, 1);
    seeker.onPlace();
  }

  #next(): PlaceSeeker | undefined {
    return this.#waiting.take((owner) => !this.#held.hasShare(owner, 1));
  }
}
