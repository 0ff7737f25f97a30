/** What is worked out of one trunk's pools, kept with the trunk. */
import { DidPool } from '../tenants/did-pool.ts';
import { NumberIndex, type OwnedPool } from './number-index.ts';
import type { Assignment, Trunk } from './schema.ts';

const pools = new WeakMap<Assignment, DidPool>();
const trunkIndexes = new WeakMap<Trunk, NumberIndex>();
const trunkAssignments = new WeakMap<Trunk, ReadonlyMap<string, Assignment>>();

/** The parsed pool of an assignment that passed the checks. */
export function poolOf(assignment: Assignment): DidPool {
  let pool = pools.get(assignment);
  if (pool === undefined) {
    pool = DidPool.parse(assignment.didPool);
    pools.set(assignment, pool);
  }
  return pool;
}

/** Who owns which number on one trunk. */
export function trunkIndex(trunk: Trunk): NumberIndex {
  let index = trunkIndexes.get(trunk);
  if (index === undefined) {
    index = new NumberIndex(ownedPools(trunk));
    trunkIndexes.set(trunk, index);
  }
  return index;
}

/** Who owns which number on several trunks together; one trunk's own is kept with it. */
export function numberIndexOf(trunks: readonly Trunk[]): NumberIndex {
  const only = trunks.length === 1 ? trunks[0] : undefined;
  return only === undefined ? new NumberIndex(trunks.flatMap(ownedPools)) : trunkIndex(only);
}

export function ownedPools(trunk: Trunk): OwnedPool[] {
  return trunk.assignments.map((assignment) => ({ owner: assignment.tenant, pool: poolOf(assignment) }));
}

/** One tenant may stand in a trunk's list once; of two the later counts. */
export function assignmentsOf(trunk: Trunk): ReadonlyMap<string, Assignment> {
  let assignments = trunkAssignments.get(trunk);
  if (assignments === undefined) {
    assignments = new Map(trunk.assignments.map((assignment) => [assignment.tenant, assignment]));
    trunkAssignments.set(trunk, assignments);
  }
  return assignments;
}
