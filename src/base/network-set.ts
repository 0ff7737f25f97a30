import { compareNetworks, covers, type Network } from './network.ts';
import { type Steps, sorted } from './steps.ts';

/** Something that has a network. */
export interface OfNetwork {
  readonly network: Network;
}

/** Networks that others are held against: whichever has an address in common with one is found without a look at all of them. */
export class NetworkSet<T extends OfNetwork> {
  /** Sorted: what one holds comes right after it. */
  readonly #members: readonly T[];
  /** The place of the closest one that holds it; -1: none does. */
  readonly #holders: readonly number[];

  private constructor(members: readonly T[], holders: readonly number[]) {
    this.#members = members;
    this.#holders = holders;
  }

  static *of<T extends OfNetwork>(items: readonly T[]): Steps<NetworkSet<T>> {
    const members = yield* sorted(items, (a, b) => compareNetworks(a.network, b.network));
    const holders: number[] = [];
    for (const [at, { network }] of members.entries()) {
      let holder = at - 1;
      while (holder >= 0 && !covers((members[holder] as T).network, network)) holder = holders[holder] as number;
      holders.push(holder);
      yield;
    }
    return new NetworkSet(members, holders);
  }

  get isEmpty(): boolean {
    return this.#members.length === 0;
  }

  /** One that holds the network, or that it holds. O(log members). */
  meeting(network: Network): T | undefined {
    const place = this.#placeOf(network);
    const next = this.#members[place];
    if (next !== undefined && covers(network, next.network)) return next;
    for (let at = place - 1; at >= 0; at = this.#holders[at] as number) {
      const before = this.#members[at] as T;
      if (covers(before.network, network)) return before;
    }
    return undefined;
  }

  /** Of the first one that does not come before it. */
  #placeOf(network: Network): number {
    let [from, to] = [0, this.#members.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (compareNetworks((this.#members[middle] as T).network, network) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
