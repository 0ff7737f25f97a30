import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { optional } from '../base/schema.ts';
import { tenantIn, tenantPlace } from '../provisioning/directory/places.ts';
import { type Tenant, tenantFieldsSchema, tenantSchema } from '../provisioning/tenants/schema.ts';
import type { Provisioned } from '../provisioning/trunk-settings/schema.ts';
import { maySeeTenant, requireAllowedTenantChange, requireSystemAdmin } from './access.ts';
import { applyChange, factOf, type PlannedResource, sendResource } from './change.ts';
import { keyText, tenantFor, tenantOf } from './collection.ts';
import { type ApiContext, answer, identityOf, withManager } from './context.ts';
import { wholeTenantOf } from './document.ts';
import { entityTag, requireMatch, withoutSecrets } from './documents.ts';
import { bodyReadBy, readJsonAsOctets } from './large-body.ts';
import { type Asker, type ResourceKind, resourceHandlers } from './managed-resource.ts';
import { body, managedResource, patchOf } from './openapi.ts';
import { operation } from './operation.ts';
import { longPageFields, longPageOf, pageFrom } from './paging.ts';
import { invalid, taken } from './problem.ts';

type TenantFields = z.infer<typeof tenantFieldsSchema>;

const params = z.strictObject({ tenant: keyText.describe("The tenant's name.") });
const shape = managedResource('Tenant', tenantFieldsSchema);

/** Tenants with their settings; what they own has resources of its own. */
export function tenantRoutes(app: FastifyInstance, context: ApiContext): void {
  readRoutes(app, context);
  changeRoutes(app, context);
}

function readRoutes(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'listTenants', {
    querystring: z.strictObject({
      ...longPageFields,
      q: optional(keyText, 'Part of a name or domain.'),
    }),
    answers: { 200: longPageOf(shape) },
  }).by((request) => {
    const identity = identityOf(request);
    const { query } = request;
    const wanted = query.q?.toLowerCase();
    const { tenants } = context.provisioning.current().state;
    return pageFrom(
      {
        all: () => tenants,
        matches: ({ name, domain }) =>
          maySeeTenant(identity, name) &&
          (wanted === undefined || name.toLowerCase().includes(wanted) || domain.toLowerCase().includes(wanted)),
        view: (tenant) => viewOf(context, tenant),
        keyOf: ({ name }) => name,
      },
      query,
    );
  });
  operation(app, 'getTenant', { params, answers: { 200: answer('The tenant', shape) } }).by((request, reply) => {
    const tenant = tenantOf(request, context.provisioning.current().state);
    return sendResource(context, reply, fieldsOf(tenant), viewOf(context, tenant));
  });
}

/** In a scope of its own: a tenant may come with ten thousand extensions. */
export function tenantCreationRoute(app: FastifyInstance, context: ApiContext): void {
  readJsonAsOctets(app);
  operation(app, 'createTenant', {
    access: 'system',
    body: body('NewTenant', tenantSchema),
    answers: { 201: answer('Created', shape) },
    ...bodyReadBy(context, wholeTenantOf),
  }).by(async (request, reply) => {
    const after = request.body as Tenant;
    await applyChange(context, request, (state) => {
      if (tenantIn(state, after.name) !== undefined) {
        throw taken('name', `tenant ${after.name} exists already`);
      }
      return {
        change: { putTenants: [after] },
        facts: [factOf(`tenants/${after.name}`, after.name, undefined, after)],
        bodyPaths: new Map([[`tenants[${state.tenants.length}]`, '']]),
      };
    });
    reply.code(201).header('location', `/api/v1/tenants/${encodeURIComponent(after.name)}`);
    return sendResource(context, reply, fieldsOf(after));
  });
}

function changeRoutes(app: FastifyInstance, context: ApiContext): void {
  const { put, patch, remove } = resourceHandlers(context, tenantKind(context));
  const common = { params, answers: { 200: answer('Changed', shape) } };
  operation(app, 'putTenant', { ...common, body: body('TenantInput', tenantFieldsSchema) }).by(put);
  operation(app, 'patchTenant', { ...common, body: patchOf('Tenant', tenantFieldsSchema) }).by(patch);
  operation(app, 'deleteTenant', { params, answers: { 204: answer('Deleted') } }).by(remove);
}

/** How a tenant's settings are found and changed; what it owns stays, but where it is deleted. */
export function tenantKind(context: ApiContext): ResourceKind<TenantFields, { readonly tenant: string }> {
  return {
    schema: tenantFieldsSchema,
    existing: (asker, state) => fieldsOf(tenantFor(asker, state)),
    plan: (asker, state, _before, after) => planTenant(context, asker, state, tenantFor(asker, state), after),
    planDeletion: (asker, state) => planTenantDeletion(context, asker, tenantFor(asker, state)),
  };
}

function planTenant(
  context: ApiContext,
  { identity, ifMatch }: Asker,
  state: Provisioned,
  tenant: Tenant,
  after: TenantFields,
): PlannedResource {
  const before = fieldsOf(tenant);
  if (after.name !== tenant.name) {
    const message = `must be "${tenant.name}", as in the path; a tenant cannot be renamed`;
    throw invalid([{ code: 'name-fixed', path: 'name', message }]);
  }
  requireMatch(ifMatch, entityTag(before, context.entityTagKey));
  requireAllowedTenantChange(identity, before, after);
  const { extensions, groups, services, outboundRules, inboundRules } = tenant;
  return {
    change: { putTenants: [{ ...after, extensions, groups, services, outboundRules, inboundRules }] },
    facts: [factOf(`tenants/${tenant.name}`, tenant.name, before, after)],
    bodyPaths: new Map([[`tenants[${tenantPlace(state, tenant.name)}]`, '']]),
  };
}

function planTenantDeletion(context: ApiContext, { identity, ifMatch }: Asker, tenant: Tenant): PlannedResource {
  requireSystemAdmin(identity, 'delete a tenant');
  requireMatch(ifMatch, entityTag(fieldsOf(tenant), context.entityTagKey));
  return {
    deletes: `tenant ${tenant.name}`,
    change: { deleteTenants: [tenant.name] },
    facts: [factOf(`tenants/${tenant.name}`, tenant.name, tenant, undefined)],
  };
}

function viewOf(context: ApiContext, tenant: Tenant): object {
  return withManager(context, `tenants/${tenant.name}`, withoutSecrets(fieldsOf(tenant)) as object);
}

function fieldsOf(tenant: Tenant): TenantFields {
  const { extensions, groups, services, outboundRules, inboundRules, ...fields } = tenant;
  return fields;
}
