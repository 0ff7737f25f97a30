/** Behaviour 2: no number belongs to two tenants on one provider: trunks with a brand, a name or a source address in common. */
import type { Steps } from '../../base/steps.ts';
import { withAddresses } from '../directory/coincidences.ts';
import { numberIndexOf, ownedPools } from '../directory/trunk-pools.ts';
import { formatRange } from '../tenants/did-pool.ts';
import type { ProvisioningProblem } from '../trunk-settings/problem.ts';
import { groupSteps, groupsAround } from '../trunk-settings/providers.ts';
import type { TrunkSettings } from '../trunk-settings/schema.ts';
import { sourcesOf, type TrunkSources } from '../trunk-settings/sources.ts';
import type { CheckedTrunk } from './trunk-references.ts';

export interface ResolvedSources {
  /** The addresses that a trunk's names resolve to. */
  readonly addressesOf: (trunkId: string) => readonly string[];
  /** Trunks as written that are new, or whose sources or pools are others than before: only they can be at fault for the DNS. */
  readonly moved: ReadonlySet<TrunkSettings>;
}

/** Of two that clash the later in the list is at fault. `located` are those that the DNS may have made to be of one provider. */
export function* checkOverlaps(
  entries: readonly CheckedTrunk[],
  located: readonly CheckedTrunk[],
  resolved: ResolvedSources | undefined,
  problems: ProvisioningProblem[],
): Steps<void> {
  const reported = new Set<string>();
  for (const members of yield* groupSteps(entries, ({ trunk }) => sourcesOf(trunk))) {
    reportOverlaps(members, () => true, reported, problems);
    yield;
  }
  if (resolved === undefined || resolved.moved.size === 0) return;
  const { moved, addressesOf } = resolved;
  const sources = new Map<CheckedTrunk, TrunkSources>();
  for (const entry of located) {
    sources.set(entry, withAddresses(sourcesOf(entry.trunk), addressesOf(entry.trunk.id)));
    yield;
  }
  const comers = located.filter(({ settings }) => moved.has(settings));
  const groups = yield* groupsAround(comers, located, (entry) => sources.get(entry) ?? sourcesOf(entry.trunk));
  for (const members of groups) {
    if (members.some(({ settings }) => moved.has(settings)))
      reportOverlaps(members, (a, b) => moved.has(a.settings) || moved.has(b.settings), reported, problems);
    yield;
  }
}

function reportOverlaps(
  members: readonly CheckedTrunk[],
  isAtFault: (a: CheckedTrunk, b: CheckedTrunk) => boolean,
  reported: Set<string>,
  problems: ProvisioningProblem[],
): void {
  const index = numberIndexOf(members.map(({ trunk }) => trunk));
  if (index.claims.length === 0) return;
  const holders = members.flatMap((entry) => ownedPools(entry.trunk).map(({ owner }) => ({ entry, owner })));
  for (const claim of index.claims) {
    const a = holders[claim.a];
    const b = holders[claim.b];
    if (a === undefined || b === undefined || !isAtFault(a.entry, b.entry)) continue;
    const message =
      `${formatRange(claim.rangeB)} of tenant "${b.owner}" on trunk "${b.entry.trunk.name}" overlaps ${formatRange(claim.rangeA)} of tenant "${a.owner}" ` +
      `on trunk "${a.entry.trunk.name}"; both trunks are of one provider`;
    if (reported.has(message)) continue;
    reported.add(message);
    problems.push({
      code: 'pool-overlap',
      path: poolPath(b.entry, b.owner),
      message,
      tenants: [a.owner, b.owner],
      redacted: `${formatRange(claim.rangeB)} holds numbers of another tenant of this provider`,
    });
  }
}

function poolPath({ settings, path }: CheckedTrunk, tenant: string): string {
  const at = settings.tenants.findIndex((assignment) => assignment.tenant === tenant);
  return at < 0 ? `${path}.didPool` : `${path}.tenants[${at}].didPool`;
}
