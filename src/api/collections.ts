import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Problem } from '../base/errors.ts';
import { referencesTo } from '../tenants/references.ts';
import {
  extensionSchema,
  groupSchema,
  inboundRuleSchema,
  outboundRuleSchema,
  serviceSchema,
  type Tenant,
} from '../tenants/schema.ts';
import { tenantIn, tenantPlace } from '../trunks/places.ts';
import type { Provisioning } from '../trunks/schema.ts';
import { requireTenant } from './access.ts';
import { applyChange, type PlannedChange, sendResource } from './change.ts';
import {
  type ApiContext,
  answer,
  describe,
  identityOf,
  pageFields,
  pageOf,
  pageOfMatching,
  withManager,
} from './context.ts';
import { type Document, entityTag, mergePatch, requireMatch, withoutSecrets, withStoredSecrets } from './documents.ts';
import { body, managedResource, patchOf } from './openapi.ts';
import { ApiProblem, invalid, notFound } from './problem.ts';
import { requireAllowedTrust } from './sources.ts';
import { check } from './validation.ts';

type CollectionName = 'extensions' | 'groups' | 'services' | 'outboundRules' | 'inboundRules';
type Item = Document;

interface Collection {
  readonly segment: string;
  readonly field: CollectionName;
  readonly singular: string;
  readonly idSuffix: string;
  /** The field that names an item in the path. */
  readonly key: 'number' | 'name';
  readonly schema: z.ZodType;
}

/** What a tenant owns, each as `tenants/{tenant}/<segment>`. */
const COLLECTIONS: readonly Collection[] = [
  {
    segment: 'extensions',
    field: 'extensions',
    singular: 'extension',
    idSuffix: 'Extension',
    key: 'number',
    schema: extensionSchema,
  },
  { segment: 'groups', field: 'groups', singular: 'group', idSuffix: 'Group', key: 'name', schema: groupSchema },
  {
    segment: 'services',
    field: 'services',
    singular: 'service',
    idSuffix: 'Service',
    key: 'number',
    schema: serviceSchema,
  },
  {
    segment: 'outbound-rules',
    field: 'outboundRules',
    singular: 'outbound rule',
    idSuffix: 'OutboundRule',
    key: 'name',
    schema: outboundRuleSchema,
  },
  {
    segment: 'inbound-rules',
    field: 'inboundRules',
    singular: 'inbound rule',
    idSuffix: 'InboundRule',
    key: 'name',
    schema: inboundRuleSchema,
  },
];

export const keyText = z.string().min(1).max(128);

export function collectionRoutes(app: FastifyInstance, context: ApiContext): void {
  for (const collection of COLLECTIONS) {
    listRoute(app, context, collection);
    itemRoutes(app, context, collection);
    writeRoutes(app, context, collection);
  }
}

function listRoute(app: FastifyInstance, context: ApiContext, collection: Collection): void {
  const { segment, idSuffix, singular } = collection;
  const querystring = z.strictObject({ ...pageFields, q: keyText.optional().describe('Part of a number or name.') });
  app.get(
    `/api/v1/tenants/:tenant/${segment}`,
    describe({
      operationId: `list${idSuffix}s`,
      tag: segment,
      summary: `List a tenant's ${singular}s`,
      params: z.strictObject({ tenant: keyText }),
      querystring,
      answers: { 200: pageOf(managedResource(idSuffix, collection.schema)) },
    }),
    (request) => {
      const tenant = tenantOf(request, context.provisioning.current().state);
      const query = request.query as z.infer<typeof querystring>;
      const items = itemsOf(tenant, collection);
      const wanted = query.q?.toLowerCase();
      return pageOfMatching(
        items,
        query,
        (item) => wanted === undefined || mentions(item, wanted),
        (item) => viewOf(context, tenant.name, item),
      );
    },
  );
}

function itemRoutes(app: FastifyInstance, context: ApiContext, collection: Collection): void {
  const { segment, idSuffix, singular } = collection;
  const url = `/api/v1/tenants/:tenant/${segment}/:key`;
  const params = z.strictObject({ tenant: keyText, key: keyText.describe(`The ${singular}'s ${collection.key}.`) });
  const common = { tag: segment, params };
  const shown = { 200: answer(`The ${singular}`, managedResource(idSuffix, collection.schema)) };
  app.get(
    url,
    describe({ ...common, operationId: `get${idSuffix}`, summary: `Read one ${singular}`, answers: shown }),
    (request, reply) => {
      const tenant = tenantOf(request, context.provisioning.current().state);
      const item = existing(tenant, collection, keyOf(request));
      return sendResource(context, reply, item, viewOf(context, tenant.name, item));
    },
  );
  app.patch(
    url,
    describe({
      ...common,
      operationId: `patch${idSuffix}`,
      summary: `Change fields of one ${singular}`,
      body: patchOf(idSuffix, collection.schema),
      answers: shown,
    }),
    (request, reply) =>
      write(context, request, reply, collection, (tenant) => {
        const before = existing(tenant, collection, keyOf(request));
        return { before, after: check(collection.schema, mergePatch(before, request.body)) as Item };
      }),
  );
  app.delete(
    url,
    describe({
      ...common,
      operationId: `delete${idSuffix}`,
      summary: `Delete one ${singular}`,
      answers: { 204: answer('Deleted') },
    }),
    async (request, reply) => {
      await applyChange(context, request, (state) => {
        const tenant = tenantOf(request, state);
        const before = existing(tenant, collection, keyOf(request));
        return planItem(context, request, state, collection, tenant, before, undefined);
      });
      return reply.code(204).send();
    },
  );
}

function writeRoutes(app: FastifyInstance, context: ApiContext, collection: Collection): void {
  const { segment, idSuffix, singular, key } = collection;
  const shape = managedResource(idSuffix, collection.schema);
  const url = `/api/v1/tenants/:tenant/${segment}`;
  app.post(
    url,
    describe({
      operationId: `create${idSuffix}`,
      tag: segment,
      summary: `Create one ${singular}`,
      params: z.strictObject({ tenant: keyText }),
      body: body(`${idSuffix}Input`, collection.schema),
      answers: { 201: answer('Created', shape) },
    }),
    (request, reply) =>
      write(context, request, reply, collection, (tenant) => {
        const after = request.body as Item;
        const taken = itemsOf(tenant, collection).some((item) => item[key] === after[key]);
        if (taken) throw new ApiProblem(409, 'exists', `${singular} ${String(after[key])} exists already`);
        return { before: undefined, after };
      }),
  );
  app.put(
    `${url}/:key`,
    describe({
      operationId: `put${idSuffix}`,
      tag: segment,
      summary: `Create or replace one ${singular}; a secret that is left out stays as it is`,
      params: z.strictObject({ tenant: keyText, key: keyText }),
      body: body(`${idSuffix}Input`, collection.schema),
      answers: { 200: answer('Replaced', shape), 201: answer('Created', shape) },
    }),
    (request, reply) =>
      write(context, request, reply, collection, (tenant) => {
        const before = itemsOf(tenant, collection).find((item) => item[key] === keyOf(request));
        return { before, after: withStoredSecrets(request.body as Item, before) };
      }),
  );
}

async function write(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  collection: Collection,
  decide: (tenant: Tenant) => { before: Item | undefined; after: Item },
): Promise<FastifyReply> {
  const planned = await applyChange(context, request, (state) => {
    const tenant = tenantOf(request, state);
    const { before, after } = decide(tenant);
    requireSameKey(request, collection, after);
    return { ...planItem(context, request, state, collection, tenant, before, after), before, after };
  });
  const { tenant } = request.params as { tenant: string };
  if (planned.before === undefined) {
    const key = encodeURIComponent(String(planned.after[collection.key]));
    reply.code(201).header('location', `/api/v1/tenants/${encodeURIComponent(tenant)}/${collection.segment}/${key}`);
  }
  return sendResource(context, reply, planned.after, viewOf(context, tenant, planned.after));
}

/** An item belongs to whom its tenant belongs to. */
function viewOf(context: ApiContext, tenant: string, item: Item): object {
  return withManager(context, `tenants/${tenant}`, withoutSecrets(item) as object);
}

/** An item is renamed by deleting it and making another: what refers to it does so by this name. */
function requireSameKey(request: FastifyRequest, collection: Collection, after: Item): void {
  const key = (request.params as { key?: string }).key;
  if (key === undefined || after[collection.key] === key) return;
  const message = `must be "${key}", as in the path; a ${collection.singular} cannot be renamed`;
  throw invalid([{ code: 'name-fixed', path: collection.key, message }]);
}

function planItem(
  context: ApiContext,
  request: FastifyRequest,
  state: Provisioning,
  collection: Collection,
  tenant: Tenant,
  before: Item | undefined,
  after: Item | undefined,
): PlannedChange {
  if (before !== undefined) requireMatch(request.headers['if-match'], entityTag(before, context.entityTagKey));
  if (before !== undefined && request.headers['if-none-match'] === '*') {
    throw new ApiProblem(412, 'exists', `${collection.singular} exists already`);
  }
  const items = [...itemsOf(tenant, collection)];
  const index = before === undefined ? items.length : items.indexOf(before);
  items.splice(index, before === undefined ? 0 : 1, ...(after === undefined ? [] : [after]));
  const name = String((after ?? before)?.[collection.key]);
  const key = encodeURIComponent(name);
  const tenantPath = `tenants[${tenantPlace(state, tenant.name)}]`;
  const changed = { ...tenant, [collection.field]: items } as Tenant;
  requireAllowedTrust(context, identityOf(request), state, changed, tenant);
  return {
    change: { putTenants: [changed] },
    facts: [
      {
        action: before === undefined ? 'create' : after === undefined ? 'delete' : 'update',
        resource: `tenants/${tenant.name}/${collection.segment}/${key}`,
        tenant: tenant.name,
        ...(before === undefined ? {} : { before }),
        ...(after === undefined ? {} : { after }),
      },
    ],
    ...(after === undefined
      ? { deletes: `${collection.singular} ${key}`, referrers: referrersOf(name, collection, changed, tenantPath) }
      : {}),
    bodyPaths: new Map([[`${tenantPath}.${collection.field}[${index}]`, '']]),
  };
}

/** What names a number that is deleted; names of groups and rules are looked after by the rules of provisioning. */
function referrersOf(number: string, collection: Collection, tenant: Tenant, tenantPath: string): Problem[] {
  if (collection.key !== 'number') return [];
  return referencesTo(number, tenant).map((path) => ({
    code: 'in-use',
    path: `${tenantPath}.${path}`,
    message: `refers to ${number}`,
  }));
}

/** The tenant of the path, if this admin may see it. */
export function tenantOf(request: FastifyRequest, state: Provisioning): Tenant {
  const { tenant: name } = request.params as { tenant: string };
  requireTenant(identityOf(request), name);
  const tenant = tenantIn(state, name);
  if (tenant === undefined) throw notFound(`tenant ${name}`);
  return tenant;
}

function itemsOf(tenant: Tenant, collection: Collection): readonly Item[] {
  return tenant[collection.field] as readonly unknown[] as readonly Item[];
}

function existing(tenant: Tenant, collection: Collection, key: string): Item {
  const item = itemsOf(tenant, collection).find((candidate) => candidate[collection.key] === key);
  if (item === undefined) throw notFound(`${collection.singular} ${key}`);
  return item;
}

function keyOf(request: FastifyRequest): string {
  return (request.params as { key: string }).key;
}

function mentions(item: Item, wanted: string): boolean {
  return ['number', 'name'].some((field) =>
    String(item[field] ?? '')
      .toLowerCase()
      .includes(wanted),
  );
}
