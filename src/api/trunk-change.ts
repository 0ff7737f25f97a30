/** How a change of a trunk is thought out, whoever asks for it: to make it, or to learn what it would do. */

import type { Steps } from '../base/steps.ts';
import { trunkIn, trunkPlace } from '../provisioning/directory/places.ts';
import { freeTrunkId, trunkIdOf } from '../provisioning/trunk-settings/effective.ts';
import { type Provisioned, type TrunkSettings, trunkSchema } from '../provisioning/trunk-settings/schema.ts';
import { requireAllowedTrunk, requireTrunkOwner, trunkView, visibleTrunk } from './access.ts';
import { factOf, type PlannedResource } from './change.ts';
import type { ApiContext } from './context.ts';
import { entityTag, requireMatch } from './documents.ts';
import type { Asker, ResourceKind } from './managed-resource.ts';
import { auditTenant } from './ownership.ts';
import { requireTrunkPlaces } from './places-per-tenant.ts';
import { ApiProblem, invalid } from './problem.ts';
import { requireAllowedSources, type WrittenTrunk } from './sources.ts';
import type { Identity } from './tokens.ts';
import { requireCurrentCertificate, requireUsableFiles } from './trunk-files.ts';

interface TrunkPath {
  /** Absent where one is made. */
  readonly id?: string | undefined;
}

/** How a trunk is found, changed and shown. */
export function trunkKind(context: ApiContext): ResourceKind<TrunkSettings, TrunkPath> {
  return {
    schema: trunkSchema,
    existing: ({ identity, params: { id = '' } }, state) => visibleTrunk(identity, state, id),
    requireChangeable: ({ identity }, before) => requireTrunkOwner(identity, before),
    completed: (wanted, before) => ({ id: trunkIdOf(before), ...wanted }),
    plan: (asker, state, before, after) =>
      before === undefined
        ? planNewTrunk(context, asker.identity, state, after)
        : planTrunk(context, asker, state, before, after),
    planDeletion: ({ identity, ifMatch }, _state, before) => {
      requireTrunkOwner(identity, before);
      requireMatch(ifMatch, entityTag(before, context.entityTagKey));
      const id = trunkIdOf(before);
      return {
        deletes: `trunk ${before.name}`,
        change: { deleteTrunks: [id] },
        facts: [factOf(`trunks/${id}`, auditTenant(before), before, undefined)],
      };
    },
    view: ({ identity }, trunk) => trunkView(identity, trunk),
  };
}

function* planNewTrunk(
  context: ApiContext,
  identity: Identity,
  state: Provisioned,
  wanted: TrunkSettings,
): Steps<PlannedResource> {
  const id = wanted.id ?? freeTrunkId(wanted, { has: (taken) => trunkIn(state, taken) !== undefined });
  const after = { ...wanted, id };
  yield* requireAllowedWrite(context, identity, state, { trunk: after, before: undefined });
  requireTrunkPlaces(context, identity, state, [after]);
  requireNewId(state, after);
  return {
    change: { putTrunks: [after] },
    facts: [factOf(`trunks/${id}`, auditTenant(after), undefined, after)],
    bodyPaths: new Map([[`trunks[${state.trunks.length}]`, '']]),
  };
}

/** For an id that exists but may not be seen the answer is the same as for one that is the caller's own: ids are the engine's. */
export function requireNewId(state: Provisioned, trunk: TrunkSettings): void {
  const id = trunkIdOf(trunk);
  if (trunkIn(state, id) !== undefined) throw new ApiProblem(409, 'exists', `trunk ${id} exists already`);
}

function* planTrunk(
  context: ApiContext,
  { identity, ifMatch }: Asker,
  state: Provisioned,
  before: TrunkSettings,
  after: TrunkSettings,
): Steps<PlannedResource> {
  requireTrunkOwner(identity, before);
  if (after.id !== before.id)
    throw invalid([{ code: 'name-fixed', path: 'id', message: "a trunk's id cannot be changed" }]);
  requireMatch(ifMatch, entityTag(before, context.entityTagKey));
  yield* requireAllowedWrite(context, identity, state, { trunk: after, before });
  return trunkUpdate(state, before, after);
}

/** Everything that a trunk is refused for by itself, before the rules of the whole are asked. */
export function* requireAllowedWrite(
  context: ApiContext,
  identity: Identity,
  state: Provisioned,
  written: WrittenTrunk,
): Steps<void> {
  const { trunk, before } = written;
  requireAllowedTrunk(identity, trunk, before);
  yield* requireAllowedSources(context, identity, state, [written]);
  requireUsableFiles(trunk, before);
  requireCurrentCertificate(trunk, before, state, context.clock.wallMs());
}

/** The change itself, without the question whether it may be made. */
export function trunkUpdate(state: Provisioned, before: TrunkSettings, after: TrunkSettings): PlannedResource {
  const id = trunkIdOf(before);
  return {
    change: { putTrunks: [after] },
    facts: [factOf(`trunks/${id}`, auditTenant(before), before, after)],
    bodyPaths: new Map([[`trunks[${trunkPlace(state, id)}]`, '']]),
  };
}
