/** Other nodes as they were heard of last. One that has lost the store is in no roster after a while, and has its calls all the same. */
import { Latest } from '../../base/latest.ts';
import type { Target } from '../../sip/transport/index.ts';
import type { PeerNodes } from '../peer-nodes.ts';
import type { Served } from '../served.ts';

interface NodeHeard {
  readonly sip: Target | undefined;
  readonly quietMs: number;
  readonly signs: boolean;
}

/** Names that come and go with each process, as in a cluster that is scaled, are not kept for ever. */
const MAX_NODES = 200;
/** Of those that are in the roster no more, asked: most of them have ended. */
const MAX_GONE = 10;

type KnownPeers = Pick<PeerNodes, 'names' | 'addressOf' | 'quietMs' | 'signs' | 'processOf' | 'isPeerAddress'>;

export class KnownNodes {
  readonly #peers: KnownPeers;
  readonly #served: Pick<Served, 'isOwnHost'>;
  readonly #heard = new Latest<string, NodeHeard>(MAX_NODES);

  constructor(peers: KnownPeers, served: Pick<Served, 'isOwnHost'>) {
    this.#peers = peers;
    this.#served = served;
  }

  /** To be called several times a second. */
  note(): void {
    const peers = this.#peers;
    for (const name of peers.names()) {
      const sip = peers.addressOf(name) ?? this.#heard.get(name)?.sip;
      this.#heard.set(name, { sip, quietMs: peers.quietMs(name) ?? 0, signs: peers.signs(name) });
    }
  }

  names(): readonly string[] {
    this.note();
    return [...this.#heard.keys()];
  }

  /** Those that are worth a question that costs little: of the ones that are in the roster no more the latest. */
  latestNames(): readonly string[] {
    return this.names().slice(-(this.#peers.names().length + MAX_GONE));
  }

  /** Names in the roster. */
  listedNames(): readonly string[] {
    return this.#peers.names();
  }

  /** The process that was heard of last under this name; undefined: it is in the roster no more, or does not say. */
  processOf(name: string): string | undefined {
    return this.#peers.processOf(name);
  }

  /** Whether it was in the roster when that was last read: the store had heard of it lately. */
  isListed(name: string): boolean {
    return this.#peers.names().includes(name);
  }

  /** Whether its answers prove that it is itself; a program of before those does not know how. */
  signs(name: string): boolean {
    return this.#heard.get(name)?.signs ?? this.#peers.signs(name);
  }

  /** Whether it has told of itself within so many ms. */
  isHeard(name: string, withinMs: number): boolean {
    return (this.#peers.quietMs(name) ?? Number.POSITIVE_INFINITY) < withinMs;
  }

  /**
   * Whether what comes from one address may be said in the name of the node at the other: who follows a node cancels what that has begun,
   * at whichever node it did, itself included, and when the others have forgotten that one already.
   */
  mayFollow(former: string, follower: string): boolean {
    return (this.#peers.isPeerAddress(follower) || this.#served.isOwnHost(follower)) && this.wasAt(former);
  }

  /** Whether a node is at an address, or was when it was heard of last. Somebody else may be there by now. */
  wasAt(address: string): boolean {
    return this.names().some((name) => this.lastAddressOf(name)?.address === address);
  }

  /** Where it is, or was when it was heard of last. */
  lastAddressOf(name: string): Target | undefined {
    return this.#peers.addressOf(name) ?? this.#heard.get(name)?.sip;
  }

  /** Where it may still be after `quietForMs` of silence. One that left told of itself to the end, and another one may be at its address. */
  addressOf(name: string, quietForMs: number): Target | undefined {
    const now = this.#peers.addressOf(name);
    if (now !== undefined) return now;
    const { sip, quietMs = 0 } = this.#heard.get(name) ?? {};
    return sip === undefined || quietMs < quietForMs || this.#isReused(name, sip) ? undefined : sip;
  }

  #isReused(name: string, sip: Target): boolean {
    const peers = this.#peers;
    return peers.names().some((other) => {
      const taken = other === name ? undefined : peers.addressOf(other);
      return taken?.address === sip.address && taken.port === sip.port;
    });
  }
}
