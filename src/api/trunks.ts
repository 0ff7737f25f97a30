import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { byDefault, optional } from '../base/schema.ts';
import { tenantIn } from '../provisioning/directory/places.ts';
import { trunkIdOf } from '../provisioning/trunk-settings/effective.ts';
import {
  assignmentSchema,
  TRUNK_TYPES,
  type TrunkSettings,
  trunkSchema,
} from '../provisioning/trunk-settings/schema.ts';
import type { TrunkStatus } from '../trunks/status-facts.ts';
import {
  isSystemAdmin,
  maySeeTrunk,
  requireAllowedTrunk,
  requireSystemAdmin,
  requireTrunkOwner,
  tenantScope,
  trunkView,
  visibleTrunk,
} from './access.ts';
import { applyChange, sendResource } from './change.ts';
import { keyText } from './collection.ts';
import { type ApiContext, answer, identityOf, withManager } from './context.ts';
import { entityTag, requireMatch } from './documents.ts';
import { effectiveValues } from './effective-trunk.ts';
import { resourceHandlers } from './managed-resource.ts';
import { body, managedResource, named, patchOf, resource } from './openapi.ts';
import { operation } from './operation.ts';
import { ownByDefault } from './ownership.ts';
import { longPageFields, longPageOf, pageFrom } from './paging.ts';
import { ApiProblem, notFound } from './problem.ts';
import { overlapRoute } from './sources.ts';
import type { Identity } from './tokens.ts';
import { trunkKind, trunkUpdate } from './trunk-change.ts';
import { trunkPreviewRoute } from './trunk-preview.ts';
import { TRUNK_STATES } from './trunk-states.ts';

const params = z.strictObject({ id: keyText.describe("The trunk's id.") });
const shape = managedResource('Trunk', trunkSchema);
const examinationShape = named('TrunkExamination');
const statusShape = named('TrunkStatus');

const viewQuery = z.strictObject({
  view: byDefault(
    'written',
    z.enum(['written', 'effective']),
    '`written`: the settings; `effective`: every value in force, with where it comes from.',
  ),
});
const trunkAnswer = { oneOf: [shape, named('EffectiveTrunk')] };

export function trunkRoutes(app: FastifyInstance, context: ApiContext): void {
  readRoutes(app, context);
  changeRoutes(app, context);
  assignmentRoutes(app, context);
  statusRoutes(app, context);
  overlapRoute(app, context);
  trunkPreviewRoute(app, context);
}

function readRoutes(app: FastifyInstance, context: ApiContext): void {
  const querystring = z.strictObject({
    ...longPageFields,
    q: optional(keyText, 'Part of a name or host.'),
    tenant: optional(keyText, 'Trunks that this tenant may use.'),
    type: optional(z.enum(TRUNK_TYPES), 'Trunks of this type.'),
    state: optional(z.enum(TRUNK_STATES), 'Trunks in this state.'),
  });
  operation(app, 'listTrunks', { querystring, answers: { 200: longPageOf(shape) } }).by((request) => {
    const identity = identityOf(request);
    const { query } = request;
    const tenant = tenantScope(identity, query.tenant);
    const wanted = query.q?.toLowerCase();
    const { type, state } = query;
    const isEvery = isSystemAdmin(identity) && (tenant ?? type ?? state ?? wanted) === undefined;
    const matches = (trunk: TrunkSettings) =>
      maySeeTrunk(identity, trunk) &&
      (tenant === undefined || trunk.owner === tenant || trunk.tenants.some((entry) => entry.tenant === tenant)) &&
      (type === undefined || trunk.type === type) &&
      (state === undefined || statusOf(context, trunk).state === state) &&
      (wanted === undefined ||
        trunk.name.toLowerCase().includes(wanted) ||
        (trunk.host ?? '').toLowerCase().includes(wanted));
    const { trunks } = context.provisioning.current().state;
    return pageFrom(
      {
        all: () => trunks,
        matches: isEvery ? undefined : matches,
        view: (trunk) => ({ ...managedView(context, identity, trunk), status: statusOf(context, trunk) }),
        keyOf: trunkIdOf,
      },
      query,
    );
  });
  operation(app, 'getTrunk', {
    params,
    querystring: viewQuery,
    answers: { 200: answer('The trunk, or with `view=effective` every value in force', trunkAnswer) },
  }).by((request, reply) => {
    const identity = identityOf(request);
    const trunk = trunkOf(context, request);
    if (request.query.view === 'effective') return effectiveView(identity, trunk);
    return sendResource(context, reply, trunk, managedView(context, identity, trunk));
  });
}

function managedView(context: ApiContext, identity: Identity, trunk: TrunkSettings): object {
  return withManager(context, `trunks/${trunkIdOf(trunk)}`, trunkView(identity, trunk));
}

function changeRoutes(app: FastifyInstance, context: ApiContext): void {
  const { create, put, patch, remove } = resourceHandlers(context, trunkKind(context));
  const common = { params, answers: { 200: answer('Changed', shape) } };
  const input = { body: body('TrunkInput', trunkSchema), preValidation: ownByDefault };
  operation(app, 'createTrunk', { ...input, answers: { 201: answer('Created', shape) } }).by(create);
  operation(app, 'putTrunk', { ...common, ...input }).by(put);
  operation(app, 'patchTrunk', { ...common, body: patchOf('Trunk', trunkSchema) }).by(patch);
  operation(app, 'deleteTrunk', { params, answers: { 204: answer('Deleted') } }).by(remove);
}

/** Which tenants may use a trunk of the system, each with its own DID pool. */
function assignmentRoutes(app: FastifyInstance, context: ApiContext): void {
  const assignmentParams = z.strictObject({ id: keyText, tenant: keyText });
  const assignmentBody = assignmentSchema.omit({ tenant: true });
  operation(app, 'assignTrunk', {
    params: assignmentParams,
    body: body('AssignmentInput', assignmentBody),
    answers: { 200: answer('Assigned', resource('Assignment', assignmentSchema)) },
  }).by(async (request) => {
    const assignment = { tenant: tenantParam(request), ...request.body };
    await assign(context, request, (trunk) => {
      const index = trunk.tenants.findIndex(({ tenant }) => tenant === assignment.tenant);
      const tenants = trunk.tenants.toSpliced(index < 0 ? trunk.tenants.length : index, index < 0 ? 0 : 1, assignment);
      return { ...trunk, tenants };
    });
    return assignment;
  });
  operation(app, 'unassignTrunk', { params: assignmentParams, answers: { 204: answer('Taken') } }).by(
    async (request, reply) => {
      await assign(
        context,
        request,
        (trunk) => {
          const tenants = trunk.tenants.filter(({ tenant }) => tenant !== tenantParam(request));
          if (tenants.length === trunk.tenants.length) throw notFound(`assignment of ${tenantParam(request)}`);
          return { ...trunk, tenants };
        },
        `the assignment to ${tenantParam(request)}`,
      );
      return reply.code(204).send();
    },
  );
}

async function assign(
  context: ApiContext,
  request: FastifyRequest,
  decide: (trunk: TrunkSettings) => TrunkSettings,
  deletes?: string,
): Promise<void> {
  const identity = identityOf(request);
  await applyChange(context, request, (state) => {
    const before = visibleTrunk(identity, state, idOf(request));
    if (!isSystemAdmin(identity) && identity.tenant !== tenantParam(request))
      throw notFound(`tenant ${tenantParam(request)}`);
    requireSystemAdmin(identity, 'assign trunks to tenants');
    if (tenantIn(state, tenantParam(request)) === undefined) throw notFound(`tenant ${tenantParam(request)}`);
    requireMatch(request.headers['if-match'], entityTag(before, context.entityTagKey));
    const after = decide(before);
    requireAllowedTrunk(identity, after, before);
    return { ...trunkUpdate(state, before, after), ...(deletes === undefined ? {} : { deletes }) };
  });
}

function statusRoutes(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'getTrunkStatus', { params, answers: { 200: answer('Its status', statusShape) } }).by((request) =>
    statusOf(context, trunkOf(context, request)),
  );
  operation(app, 'retryTrunk', { params, answers: { 200: answer('Its status', statusShape) } }).by((request) => {
    const trunk = ownTrunkOf(context, request);
    if (!context.engine.retryTrunk(trunkIdOf(trunk))) {
      throw new ApiProblem(409, 'nothing-to-retry', 'the trunk does not register, or is not at rest');
    }
    return statusOf(context, trunk);
  });
  operation(app, 'examineTrunk', { params, answers: { 200: answer('What was found', examinationShape) } }).by(
    async (request) => {
      const trunk = ownTrunkOf(context, request);
      const examination = await context.engine.examineTrunk(trunkIdOf(trunk));
      if (examination === undefined) throw notFound(`trunk ${trunkIdOf(trunk)}`);
      return examination;
    },
  );
}

function effectiveView(identity: Identity, trunk: TrunkSettings): object {
  const shown = trunkView(identity, trunk);
  const { name, type, brand } = trunk;
  const isWhole = isSystemAdmin(identity) || trunk.owner === identity.tenant;
  return { id: trunkIdOf(trunk), name, type, brand, values: effectiveValues(trunk, shown, isWhole) };
}

export function statusOf(context: ApiContext, trunk: TrunkSettings): TrunkStatus {
  const { name, type } = trunk;
  const id = trunkIdOf(trunk);
  const status = context.engine.trunkStatus(id);
  return (
    status ?? {
      trunkId: id,
      name,
      type,
      state: 'unknown',
      since: new Date(context.clock.wallMs()).toISOString(),
      activeCalls: 0,
    }
  );
}

/** The trunk of the path, if whoever asks may see it. */
function trunkOf(context: ApiContext, request: FastifyRequest): TrunkSettings {
  return visibleTrunk(identityOf(request), context.provisioning.current().state, idOf(request));
}

/** If whoever asks may change it. */
function ownTrunkOf(context: ApiContext, request: FastifyRequest): TrunkSettings {
  const trunk = trunkOf(context, request);
  requireTrunkOwner(identityOf(request), trunk);
  return trunk;
}

function idOf(request: FastifyRequest): string {
  return (request.params as { id: string }).id;
}

function tenantParam(request: FastifyRequest): string {
  return (request.params as { tenant: string }).tenant;
}
