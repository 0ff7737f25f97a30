import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Steps } from '../base/steps.ts';
import { bulkBody, bulkOf } from './bulk-body.ts';
import { COLLECTIONS, type Collection, type Item, keyText } from './collection.ts';
import { type ApiContext, answer } from './context.ts';
import { mergePatch } from './documents.ts';
import { bodyReadBy, readJsonAsOctets } from './large-body.ts';
import { changeMany, type WantedItem } from './many.ts';
import { body, named } from './openapi.ts';
import { operation } from './operation.ts';
import { itemOperations } from './operation-table.ts';
import { ApiProblem } from './problem.ts';
import { check } from './validation.ts';

/** One change for many items of a kind, with what came of it for each. */
export function bulkRoutes(app: FastifyInstance, context: ApiContext): void {
  readJsonAsOctets(app, ['application/json', 'application/merge-patch+json']);
  for (const collection of COLLECTIONS) {
    operation(app, itemOperations(collection).change, {
      params: z.strictObject({ tenant: keyText }),
      body: body('BulkInput', bulkBody),
      answers: { 200: answer('What came of it', named('BulkReport')) },
      ...bodyReadBy(context, bulkOf),
    }).by((request) => {
      const { keys, patch, ...options } = request.body;
      return changeMany(
        context,
        request,
        collection,
        (_tenant, present) => patched(present, collection, keys, patch),
        options,
      );
    });
  }
}

function* patched(
  present: ReadonlyMap<string, Item>,
  collection: Collection,
  keys: readonly string[],
  patch: Readonly<Record<string, unknown>> | null,
): Steps<WantedItem[]> {
  const { schema, singular } = collection;
  const rows: WantedItem[] = [];
  for (const [row, key] of keys.entries()) {
    yield;
    const before = present.get(key);
    if (before === undefined) {
      const fault = { code: 'not-found', path: '', message: `${singular} ${key} does not exist` };
      rows.push({ row, key, faults: [fault] });
    } else if (patch === null) rows.push({ row, key, faults: [] });
    else rows.push(checked(row, key, collection, () => check(schema, mergePatch(before, patch)) as Item));
  }
  return rows;
}

/** A row whose document is made by `make`; what that throws are its faults. */
export function checked(row: number, key: string, collection: Collection, make: () => Item): WantedItem {
  try {
    const after = make();
    if (after[collection.key] === key) return { row, key, after, faults: [] };
    const message = `must be "${key}"; a ${collection.singular} cannot be renamed`;
    return { row, key, faults: [{ code: 'name-fixed', path: collection.key, message }] };
  } catch (error) {
    if (!(error instanceof ApiProblem)) throw error;
    return { row, key, faults: error.problems };
  }
}
