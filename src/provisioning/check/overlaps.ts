/** Sources that trunks of different owners or tenants claim, for whoever has to settle it: nothing of it decides a call. */
import { compareNetworks, covers, formatNetwork, type Network, parseNetwork } from '../../base/network.ts';
import { type Steps, sorted } from '../../base/steps.ts';
import type { Trunk } from '../trunk-settings/schema.ts';
import { sourcesOf } from '../trunk-settings/sources.ts';

/** Where a trunk's claim comes from: its settings, the DNS, or the registration of its gateway. */
export type ClaimOrigin = 'settings' | 'dns' | 'registration';

export interface SourceClaim {
  readonly trunk: Trunk;
  /** The claim itself, e.g. the wider network that holds the source. */
  readonly claim: string;
  readonly origin: ClaimOrigin;
}

export interface SourceOverlap {
  readonly kind: 'brand' | 'name' | 'network';
  /** Canonical: a brand's id, a name in lower case, an address or network. */
  readonly source: string;
  readonly claims: readonly SourceClaim[];
}

/** Addresses that a trunk was found to have. */
export interface LearntSource {
  readonly address: string;
  readonly origin: 'dns' | 'registration';
}

interface NetworkClaim extends SourceClaim {
  readonly network: Network;
}

/** Every source that trunks of at least two owners or tenants claim, narrower networks with the wider ones that hold them. */
export function* overlapsOf(
  trunks: Iterable<Trunk>,
  learntOf: (trunk: Trunk) => readonly LearntSource[],
): Steps<SourceOverlap[]> {
  const byText = { brand: new Map<string, SourceClaim[]>(), name: new Map<string, SourceClaim[]>() };
  const networks: NetworkClaim[] = [];
  for (const trunk of trunks) {
    const sources = sourcesOf(trunk);
    for (const brand of sources.brands) add(byText.brand, brand, trunk);
    for (const name of sources.names) add(byText.name, name, trunk);
    for (const network of sources.networks)
      networks.push({ trunk, network, claim: formatNetwork(network), origin: 'settings' });
    for (const { address, origin } of learntOf(trunk)) {
      const network = parseNetwork(address);
      if (network !== undefined) networks.push({ trunk, network, claim: formatNetwork(network), origin });
    }
    yield;
  }
  const overlaps: SourceOverlap[] = [];
  for (const kind of ['brand', 'name'] as const)
    for (const [source, claims] of byText[kind]) {
      if (isShared(claims)) overlaps.push({ kind, source, claims });
      yield;
    }
  yield* addNetworkOverlaps(networks, overlaps);
  return overlaps;
}

function add(claims: Map<string, SourceClaim[]>, source: string, trunk: Trunk): void {
  const claim: SourceClaim = { trunk, claim: source, origin: 'settings' };
  const present = claims.get(source);
  if (present === undefined) claims.set(source, [claim]);
  else present.push(claim);
}

/** Each network that is claimed, with the claims to it and to those that hold it. */
function* addNetworkOverlaps(unsorted: readonly NetworkClaim[], overlaps: SourceOverlap[]): Steps<void> {
  const claims = yield* sorted(unsorted, (a, b) => compareNetworks(a.network, b.network));
  const open: NetworkClaim[] = [];
  for (const [at, entry] of claims.entries()) {
    yield;
    while (open.length > 0 && !covers((open.at(-1) as NetworkClaim).network, entry.network)) open.pop();
    open.push(entry);
    const next = claims[at + 1];
    // The last claim to one network speaks for all of them.
    if (next !== undefined && next.claim === entry.claim) continue;
    if (isShared(open)) overlaps.push({ kind: 'network', source: entry.claim, claims: open.map(withoutNetwork) });
  }
}

function withoutNetwork({ trunk, claim, origin }: NetworkClaim): SourceClaim {
  return { trunk, claim, origin };
}

function isShared(claims: readonly SourceClaim[]): boolean {
  const [first] = claims;
  if (first === undefined) return false;
  const parties = partiesOf(first.trunk);
  return claims.some(({ trunk }) => {
    if (trunk === first.trunk) return false;
    return trunk.owner !== first.trunk.owner || partiesOf(trunk) !== parties;
  });
}

/** Who uses a trunk, as one text. */
function partiesOf({ assignments }: Trunk): string {
  return assignments
    .map(({ tenant }) => tenant)
    .sort()
    .join(' ');
}
