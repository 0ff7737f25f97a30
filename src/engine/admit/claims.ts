/**
 * Whose networks addresses are in. A network is said to be a trunk's, or trusted for an extension, and nobody proves it: so all that one
 * tenant claims is one peer, however many its networks and trunks, and so is each network of the operator's own trunks.
 *
 * Rule it keeps: no tenant draws another's address into a peer with addresses that this other has not claimed as well. An address that
 * several claim is of a peer of these together; all of a network that many claim (of a carrier that each has a trunk of its own at) is one.
 */
import { formatNetwork, type Network } from '../../base/network.ts';
import type { Claimed } from '../../trunks/address-index.ts';
import type { Identification } from '../../trunks/identification.ts';
import type { TrustedExtension, TrustedExtensions } from './trusted-extensions.ts';

type Claim = Claimed<{ readonly trunk: { readonly owner: string } } | TrustedExtension>;

const SYSTEM = 'system';
/** More owners than that make no peer: whom tenants that act together could make of their claims stays bounded. */
const MANY = 8;

interface Owners {
  readonly version: number;
  readonly names: ReadonlySet<string>;
}

export class Claims {
  readonly #trunks: Pick<Identification, 'networksAround'>;
  readonly #trusted: { readonly index: Pick<TrustedExtensions['index'], 'covering'> };
  readonly #owners = new WeakMap<Claim, Owners>();

  constructor(
    trunks: Pick<Identification, 'networksAround'>,
    trusted: { readonly index: Pick<TrustedExtensions['index'], 'covering'> },
  ) {
    this.#trunks = trunks;
    this.#trusted = trusted;
  }

  /** The peer that an address is of, itself where it is one of its own; undefined: nobody claims it. */
  peerOf(address: string): string | undefined {
    const owners = new Set<string>();
    let narrowest: Network | undefined;
    for (const claimed of this.#around(address)) {
      const { names } = this.#ownersOf(claimed);
      const { network } = claimed;
      if (names.has(SYSTEM)) return peerOfAll(network, address);
      if (narrowest === undefined || network.length > narrowest.length) narrowest = network;
      for (const name of names) owners.add(name);
    }
    if (narrowest === undefined) return undefined;
    // Whoever claims an address of the narrowest one claims all of it, as networks lie within each other.
    return owners.size > MANY ? peerOfAll(narrowest, address) : `of ${[...owners].sort().join(' ')}`;
  }

  *#around(address: string): Iterable<Claim> {
    yield* this.#trunks.networksAround(address);
    yield* this.#trusted.index.covering(address);
  }

  #ownersOf(claimed: Claim): Owners {
    let owners = this.#owners.get(claimed);
    if (owners === undefined || owners.version !== claimed.version) {
      const names = new Set<string>();
      for (const entry of claimed.entries) {
        const name = ownerOf(entry);
        if (names.size <= MANY || name === SYSTEM) names.add(name);
        if (name === SYSTEM) break;
      }
      owners = { version: claimed.version, names };
      this.#owners.set(claimed, owners);
    }
    return owners;
  }
}

function peerOfAll(network: Network, address: string): string {
  return network.length === 32 * network.words.length ? address : formatNetwork(network);
}

function ownerOf(entry: TrustedExtension | { readonly trunk: { readonly owner: string } }): string {
  return 'trunk' in entry ? entry.trunk.owner : entry.tenant.name;
}
