import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { optional } from '../base/schema.ts';
import { brandPreset, brands } from '../provisioning/trunk-settings/brands.ts';
import { keyText } from './collection.ts';
import { answer } from './context.ts';
import { named } from './openapi.ts';
import { operation } from './operation.ts';
import { page, pageFields, pageOf } from './paging.ts';
import { notFound } from './problem.ts';

const shape = named('Brand');

/** The carriers with a preset: what it holds, where that was read, and what is left to the operator. */
export function brandRoutes(app: FastifyInstance): void {
  operation(app, 'listBrands', {
    querystring: z.strictObject({ ...pageFields, q: optional(keyText, 'Part of an id or name.') }),
    answers: { 200: pageOf(shape) },
  }).by((request) => {
    const { query } = request;
    const wanted = query.q?.toLowerCase() ?? '';
    const found = brands().filter(({ id, name }) => id.includes(wanted) || name.toLowerCase().includes(wanted));
    return page(found, query, (preset) => preset);
  });
  operation(app, 'getBrand', {
    params: z.strictObject({ id: keyText.describe("The brand's id.") }),
    answers: { 200: answer('The preset', shape) },
  }).by((request) => {
    const { id } = request.params;
    const preset = brandPreset(id);
    if (preset === undefined) throw notFound(`brand ${id}`);
    return preset;
  });
}
