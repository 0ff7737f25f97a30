import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { optional } from '../base/schema.ts';
import {
  COLLECTIONS,
  type Collection,
  type Item,
  itemKind,
  itemsOf,
  itemView,
  keyText,
  tenantOf,
} from './collection.ts';
import { type ApiContext, answer } from './context.ts';
import { resourceHandlers } from './managed-resource.ts';
import { body, managedResource, patchOf } from './openapi.ts';
import { operation } from './operation.ts';
import { itemOperations } from './operation-table.ts';
import { longPageFields, longPageOf, pageFrom } from './paging.ts';

export function collectionRoutes(app: FastifyInstance, context: ApiContext): void {
  for (const collection of COLLECTIONS) {
    listRoute(app, context, collection);
    itemRoutes(app, context, collection);
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
  const { idSuffix, singular, key, schema } = collection;
  const rows = itemOperations(collection);
  const { get, create, put, patch, remove } = resourceHandlers(context, itemKind(context, collection));
  const shape = managedResource(idSuffix, schema);
  const params = z.strictObject({ tenant: keyText, key: keyText.describe(`The ${singular}'s ${key}.`) });
  const answers = { 200: answer(`The ${singular}`, shape) };
  operation(app, rows.get, { params, answers }).by(get);
  operation(app, rows.patch, { params, body: patchOf(idSuffix, schema), answers }).by(patch);
  operation(app, rows.delete, { params, answers: { 204: answer('Deleted') } }).by(remove);
  operation(app, rows.create, {
    params: z.strictObject({ tenant: keyText }),
    body: body(`${idSuffix}Input`, schema),
    answers: { 201: answer('Created', shape) },
  }).by(create);
  operation(app, rows.put, {
    params: z.strictObject({ tenant: keyText, key: keyText }),
    body: body(`${idSuffix}Input`, schema),
    answers: { 200: answer('Replaced', shape), 201: answer('Created', shape) },
  }).by(put);
}

function mentions(item: Item, wanted: string): boolean {
  const { number = '', name = '' } = item;
  return String(number).includes(wanted) || String(name).toLowerCase().includes(wanted);
}
