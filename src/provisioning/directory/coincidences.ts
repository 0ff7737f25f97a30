/**
 * What the DNS makes coincide: trunks that were not of one provider when they were written, and whose names now resolve to sources of
 * another's. No call changes hands by it: inbound the earlier owner keeps a number that two tenants hold (`precedence.ts`), outbound
 * nobody presents what another tenant holds there. It is told as an alarm of the trunks and as an event.
 */

import type { Network } from '../../base/network.ts';
import type { Steps } from '../../base/steps.ts';
import { formatRange } from '../tenants/did-pool.ts';
import { groupSteps } from '../trunk-settings/providers.ts';
import type { Trunk } from '../trunk-settings/schema.ts';
import { sourcesOf, withNetworks } from '../trunk-settings/sources.ts';
import type { Directory } from './directory.ts';
import { NumberIndex } from './number-index.ts';
import { ownedPools } from './trunk-pools.ts';

/** Numbers that two tenants hold on trunks that coincide. */
export interface Contest {
  readonly trunk: Trunk;
  /** The pool's range, whole. */
  readonly numbers: string;
  readonly other: Trunk;
  readonly otherNumbers: string;
}

export interface Coincidences {
  readonly contests: readonly Contest[];
  /** For the number index of a provider, those of the providers that coincide, itself among them. */
  readonly linked: ReadonlyMap<NumberIndex, readonly NumberIndex[]>;
}

export const NO_COINCIDENCES: Coincidences = { contests: [], linked: new Map() };

export function* coincidenceSteps(
  directory: Directory,
  networksOf: (trunkId: string) => readonly Network[],
): Steps<Coincidences> {
  const contests: Contest[] = [];
  const linked = new Map<NumberIndex, readonly NumberIndex[]>();
  const allOf = (trunk: Trunk) => withNetworks(sourcesOf(trunk), networksOf(trunk.id));
  for (const members of yield* groupSteps(directory.trunks, allOf)) {
    yield;
    if (members.length < 2) continue;
    const indexes = new Set(members.flatMap(({ id }) => directory.provider(id) ?? []));
    if (indexes.size < 2) continue;
    // One list for all of them: who has trunks under very many names has them lead to one address.
    const coinciding = [...indexes];
    for (const index of indexes) linked.set(index, coinciding);
    contests.push(...contestsOf(members));
  }
  return { contests, linked };
}

function contestsOf(members: readonly Trunk[]): Contest[] {
  const pools = members.flatMap((trunk) => ownedPools(trunk).map((owned) => ({ ...owned, trunk })));
  const contests = new Map<string, Contest>();
  for (const { a, b, rangeA, rangeB } of new NumberIndex(pools).claims) {
    const [trunk, other] = [pools[a]?.trunk, pools[b]?.trunk];
    if (trunk === undefined || other === undefined) continue;
    const key = `${trunk.id} ${other.id}`;
    if (contests.has(key)) continue;
    contests.set(key, { trunk, numbers: formatRange(rangeA), other, otherNumbers: formatRange(rangeB) });
  }
  return [...contests.values()];
}
