/** This node's halves of calls that are set up between it and other nodes of the store. Each of the two nodes has one. */
import { SetsByKey } from '../base/sets-by-key.ts';

/** From the INVITE between the nodes on, until that has its final response here. */
export interface Half {
  /** Name of the other node. */
  readonly node: string;
  /** Of the INVITE between the two. */
  readonly callId: string;
  readonly localTag: string;
  /** Undefined: there is no dialog with the other node yet. */
  readonly remoteTag: string | undefined;
  /** The other node has nothing of it any more: it is not reached by this INVITE, or its caller is gone. */
  lost(): void;
  /** A defect in that: ends its call. */
  onFault(error: unknown): void;
}

const NONE: ReadonlySet<Half> = new Set();

export class Halves {
  readonly #byNode = new SetsByKey<string, Half>();
  /** Each INVITE between nodes has a Call-ID of its own. */
  readonly #byCallId = new Map<string, Half>();
  #hearFirst: ((node: string) => void) | undefined = undefined;

  /** Hears of a node as the first half with it begins, and again when there were none meanwhile. */
  onFirst(hear: (node: string) => void): void {
    this.#hearFirst = hear;
  }

  add(half: Half): void {
    this.#byCallId.set(half.callId, half);
    if (this.#byNode.addTo(half.node, half)) this.#hearFirst?.(half.node);
  }

  remove(half: Half): void {
    if (this.#byCallId.get(half.callId) === half) this.#byCallId.delete(half.callId);
    this.#byNode.removeFrom(half.node, half);
  }

  /** The other nodes of all of them. */
  nodes(): Iterable<string> {
    return this.#byNode.keys();
  }

  /** Those with one node. */
  with(node: string): ReadonlySet<Half> {
    return this.#byNode.get(node) ?? NONE;
  }

  /** Whether there is one whose INVITE has this Call-ID. */
  has(callId: string): boolean {
    return this.#byCallId.has(callId);
  }
}
