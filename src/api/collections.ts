import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { optional } from '../base/schema.ts';
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
import { type ApiContext, answer } from './context.ts';
import { mergePatch, withStoredSecrets } from './documents.ts';
import { body, managedResource, patchOf } from './openapi.ts';
import { operation } from './operation.ts';
import { itemOperations } from './operation-table.ts';
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
  const { idSuffix } = collection;
  operation(app, itemOperations(collection).list, {
    params: z.strictObject({ tenant: keyText }),
    querystring: z.strictObject({
      ...longPageFields,
      q: optional(keyText, 'Part of a number or name.'),
    }),
    answers: { 200: longPageOf(managedResource(idSuffix, collection.schema)) },
  }).by((request) => {
    const tenant = tenantOf(request, context.provisioning.current().state);
    const items = itemsOf(tenant, collection);
    const wanted = request.query.q?.toLowerCase();
    return pageFrom(
      {
        all: () => items,
        matches: wanted === undefined ? undefined : (item) => mentions(item, wanted),
        view: (item) => itemView(context, tenant.name, item),
        keyOf: (item) => String(item[collection.key]),
      },
      request.query,
    );
  });
}

function itemRoutes(app: FastifyInstance, context: ApiContext, collection: Collection): void {
  const { idSuffix, singular } = collection;
  const rows = itemOperations(collection);
  const params = z.strictObject({ tenant: keyText, key: keyText.describe(`The ${singular}'s ${collection.key}.`) });
  const answers = { 200: answer(`The ${singular}`, managedResource(idSuffix, collection.schema)) };
  operation(app, rows.get, { params, answers }).by((request, reply) => {
    const tenant = tenantOf(request, context.provisioning.current().state);
    const item = existing(tenant, collection, request.params.key);
    return sendResource(context, reply, item, itemView(context, tenant.name, item));
  });
  operation(app, rows.patch, { params, body: patchOf(idSuffix, collection.schema), answers }).by((request, reply) =>
    write(context, request, reply, collection, (tenant) => {
      const before = existing(tenant, collection, request.params.key);
      return { before, after: check(collection.schema, mergePatch(before, request.body)) as Item };
    }),
  );
  operation(app, rows.delete, { params, answers: { 204: answer('Deleted') } }).by(async (request, reply) => {
    await applyChange(context, request, function* (state) {
      const tenant = tenantOf(request, state);
      const before = existing(tenant, collection, request.params.key);
      return yield* planItem(context, askerOf(request), state, collection, tenant, before, undefined);
    });
    return reply.code(204).send();
  });
}

function writeRoutes(app: FastifyInstance, context: ApiContext, collection: Collection): void {
  const { idSuffix, key } = collection;
  const rows = itemOperations(collection);
  const shape = managedResource(idSuffix, collection.schema);
  operation(app, rows.create, {
    params: z.strictObject({ tenant: keyText }),
    body: body(`${idSuffix}Input`, collection.schema),
    answers: { 201: answer('Created', shape) },
  }).by((request, reply) =>
    write(context, request, reply, collection, (tenant) => {
      const after = request.body as Item;
      requireNewKey(tenant, collection, after);
      return { before: undefined, after };
    }),
  );
  operation(app, rows.put, {
    params: z.strictObject({ tenant: keyText, key: keyText }),
    body: body(`${idSuffix}Input`, collection.schema),
    answers: { 200: answer('Replaced', shape), 201: answer('Created', shape) },
  }).by((request, reply) =>
    write(context, request, reply, collection, (tenant) => {
      const before = itemsOf(tenant, collection).find((item) => item[key] === request.params.key);
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

function mentions(item: Item, wanted: string): boolean {
  const { number = '', name = '' } = item;
  return String(number).includes(wanted) || String(name).toLowerCase().includes(wanted);
}
