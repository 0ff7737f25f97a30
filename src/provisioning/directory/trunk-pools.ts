/** What is worked out of one trunk's pools, kept with the trunk. */
import { derived } from '../../base/derived.ts';
import { DidPool } from '../tenants/did-pool.ts';
import type { Assignment, Trunk } from '../trunk-settings/schema.ts';
import { NumberIndex, type OwnedPool } from './number-index.ts';

/** The parsed pool of an assignment that passed the checks. */
export const poolOf = derived((assignment: Assignment) => DidPool.parse(assignment.didPool));

/** Who owns which number on one trunk. */
export const trunkIndex = derived((trunk: Trunk) => new NumberIndex(ownedPools(trunk)));

/** Who owns which number on several trunks together; one trunk's own is kept with it. */
export function numberIndexOf(trunks: readonly Trunk[]): NumberIndex {
  const only = trunks.length === 1 ? trunks[0] : undefined;
  return only === undefined ? new NumberIndex(trunks.flatMap(ownedPools)) : trunkIndex(only);
}

export function ownedPools(trunk: Trunk): OwnedPool[] {
  return trunk.assignments.map((assignment) => ({ owner: assignment.tenant, pool: poolOf(assignment) }));
}

/** What a tenant has of a trunk. One tenant may stand in a trunk's list once; of two the later counts. */
export function assignmentOf(trunk: Trunk, tenant: string): Assignment | undefined {
  const { assignments } = trunk;
  if (assignments.length > FEW) return assignmentTable(trunk).get(tenant);
  for (let index = assignments.length - 1; index >= 0; index--)
    if (assignments[index]?.tenant === tenant) return assignments[index];
  return undefined;
}

/** So many are looked through as fast as they are found in a table, which takes more room than they do. */
const FEW = 8;

const assignmentTable = derived(
  ({ assignments }: Trunk): ReadonlyMap<string, Assignment> =>
    new Map(assignments.map((assignment) => [assignment.tenant, assignment])),
);
