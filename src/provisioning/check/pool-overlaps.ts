/** Behaviour 2: no number belongs to two tenants on one provider: trunks with a brand, a name or a source address in common. */
import type { Network } from '../../base/network.ts';
import type { Steps } from '../../base/steps.ts';
import { trunkPlace } from '../directory/places.ts';
import { numberIndexOf, ownedPools } from '../directory/trunk-pools.ts';
import { formatRange } from '../tenants/did-pool.ts';
import { trunkIdOf, withBrand } from '../trunk-settings/effective.ts';
import type { ProvisioningProblem } from '../trunk-settings/problem.ts';
import { groupSteps, groupsAround } from '../trunk-settings/providers.ts';
import type { Provisioned, TrunkSettings } from '../trunk-settings/schema.ts';
import { sourcesOf } from '../trunk-settings/sources.ts';
import type { CheckedTrunk } from './trunk-references.ts';

export interface ResolvedSources {
  /** The addresses that a trunk's names resolve to, as networks of one host. */
  readonly networksOf: (trunkId: string) => readonly Network[];
  /** Trunks as written that are new, or whose sources or pools are others than before: only they can be at fault for the DNS. */
  readonly moved: ReadonlySet<TrunkSettings>;
}

/** Of two that clash the later in the list is at fault. */
export function* checkOverlaps(entries: readonly CheckedTrunk[], problems: ProvisioningProblem[]): Steps<void> {
  const reported = new Set<string>();
  for (const members of yield* groupSteps(entries, ({ trunk }) => sourcesOf(trunk))) {
    reportOverlaps(members, () => true, reported, problems);
    yield;
  }
}

export interface ResolvedCheck {
  readonly state: Provisioned;
  /** Trunks whose pools cannot be read. */
  readonly faulty: ReadonlySet<TrunkSettings>;
  readonly resolved: ResolvedSources;
  /** What is written comes after the rest. */
  readonly written: ReadonlySet<object>;
}

/**
 * What the DNS makes of one provider, though nothing written has it in common. Any trunk may be: each is asked, and of those alone that
 * meet a moved one there is more to know.
 */
export function* checkResolvedOverlaps(
  { state, faulty, resolved: { moved, networksOf }, written }: ResolvedCheck,
  problems: ProvisioningProblem[],
): Steps<void> {
  const sources = (settings: TrunkSettings) => sourcesOf(withBrand(settings));
  const networks = (settings: TrunkSettings) => networksOf(trunkIdOf(settings));
  const trunks = faulty.size === 0 ? state.trunks : state.trunks.filter((settings) => !faulty.has(settings));
  const comers = trunks.filter((settings) => moved.has(settings));
  const reported = new Set(problems.map(({ message }) => message));
  for (const group of yield* groupsAround(comers, trunks, sources, networks)) {
    if (group.some((settings) => moved.has(settings))) {
      const members = group.map((settings) => entryOf(settings, state));
      const inOrder = [
        ...members.filter(({ settings }) => !written.has(settings)),
        ...members.filter(({ settings }) => written.has(settings)),
      ];
      reportOverlaps(inOrder, (a, b) => moved.has(a.settings) || moved.has(b.settings), reported, problems);
    }
    yield;
  }
}

function entryOf(settings: TrunkSettings, state: Provisioned): CheckedTrunk {
  const place = trunkPlace(state, trunkIdOf(settings));
  // Of two with one id the other rule speaks of the second; its place is its own all the same.
  const index = state.trunks.at(place) === settings ? place : state.trunks.indexOf(settings);
  return { settings, trunk: withBrand(settings), path: `trunks[${index}]` };
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
