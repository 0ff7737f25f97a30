import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import { applyChange, sendResource } from './change.ts';
import {
  askerOf,
  COLLECTIONS,
  type Collection,
  existing,
  type Item,
  itemsOf,
  itemView,
  keyText,
  planItem,
  requireNewKey,
  requireSameKey,
  tenantOf,
} from './collection.ts';
import { type ApiContext, answer, describe } from './context.ts';
import { mergePatch, withStoredSecrets } from './documents.ts';
import { body, managedResource, patchOf } from './openapi.ts';
import { longPageFields, longPageOf, pageFrom } from './paging.ts';
import { check } from './validation.ts';

export function collectionRoutes(app: FastifyInstance, context: ApiContext): void {
  for (const collection of COLLECTIONS) {
    listRoute(app, context, collection);
    itemRoutes(app, context, collection);
    writeRoutes(app, context, collection);
  }
}

function listRoute(app: FastifyInstance, context: ApiContext, collection: Collection): void {
  const { segment, idSuffix, singular } = collection;
  const querystring = z.strictObject({
    ...longPageFields,
    q: keyText.optional().describe('Part of a number or name.'),
  });
  app.get(
    `/api/v1/tenants/:tenant/${segment}`,
    describe({
      operationId: `list${idSuffix}s`,
      tag: segment,
      summary: `List a tenant's ${singular}s`,
      params: z.strictObject({ tenant: keyText }),
      querystring,
      answers: { 200: longPageOf(managedResource(idSuffix, collection.schema)) },
    }),
    (request) => {
      const tenant = tenantOf(request, context.provisioning.current().state);
      const query = request.query as z.infer<typeof querystring>;
      const items = itemsOf(tenant, collection);
      const wanted = query.q?.toLowerCase();
      return pageFrom(
        {
          all: () => items,
          matches: wanted === undefined ? undefined : (item) => mentions(item, wanted),
          view: (item) => itemView(context, tenant.name, item),
          keyOf: (item) => String(item[collection.key]),
        },
        query,
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
      return sendResource(context, reply, item, itemView(context, tenant.name, item));
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
      await applyChange(context, request, function* (state) {
        const tenant = tenantOf(request, state);
        const before = existing(tenant, collection, keyOf(request));
        return yield* planItem(context, askerOf(request), state, collection, tenant, before, undefined);
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
        requireNewKey(tenant, collection, after);
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
  const planned = await applyChange(context, request, function* (state) {
    const tenant = tenantOf(request, state);
    const { before, after } = decide(tenant);
    requireSameKey((request.params as { key?: string }).key, collection, after);
    const plan = yield* planItem(context, askerOf(request), state, collection, tenant, before, after);
    return { ...plan, before, after };
  });
  const { tenant } = request.params as { tenant: string };
  if (planned.before === undefined) {
    const key = encodeURIComponent(String(planned.after[collection.key]));
    reply.code(201).header('location', `/api/v1/tenants/${encodeURIComponent(tenant)}/${collection.segment}/${key}`);
  }
  return sendResource(context, reply, planned.after, itemView(context, tenant, planned.after));
}

function keyOf(request: FastifyRequest): string {
  return (request.params as { key: string }).key;
}

function mentions(item: Item, wanted: string): boolean {
  const { number = '', name = '' } = item;
  return String(number).includes(wanted) || String(name).toLowerCase().includes(wanted);
}
