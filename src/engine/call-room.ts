import type { Calls } from '../call/index.ts';
import type { RoomForCalls } from '../sip/endpoint/index.ts';
import type { Capacity } from '../trunks/capacity.ts';
import { holderKeys } from '../trunks/holders.ts';

/**
 * Whose end makes room: any call's while the node is full, and else those of a trunk, a tenant or its part of a trunk that has no place
 * left. The limit of an extension is none of these: nobody hangs up and dials again in a fraction of a second, and where each has a limit
 * of one call, each call that is up would count.
 */
export class CallRoom implements RoomForCalls {
  readonly #calls: Pick<Calls, 'isFull' | 'ofTag'>;
  readonly #capacity: Pick<Capacity, 'hasNoPlace'>;

  constructor(calls: Pick<Calls, 'isFull' | 'ofTag'>, capacity: Pick<Capacity, 'hasNoPlace'>) {
    this.#calls = calls;
    this.#capacity = capacity;
  }

  get isNone(): boolean {
    return this.#calls.isFull;
  }

  isMadeBy(localTag: string): boolean {
    const call = this.#calls.ofTag(localTag);
    if (call === undefined) return false;
    const { parties, record } = call;
    const trunkIds = [parties.caller, parties.callee].flatMap((leg) => leg?.options.trunkId ?? []);
    return holderKeys(trunkIds, record.facts.tenant).some((key) => this.#capacity.hasNoPlace(key));
  }
}
