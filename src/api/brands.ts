import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { brandPreset, brands } from '../provisioning/trunk-settings/brands.ts';
import { keyText } from './collection.ts';
import { answer, describe } from './context.ts';
import { named } from './openapi.ts';
import { page, pageFields, pageOf } from './paging.ts';
import { notFound } from './problem.ts';

const TAG = 'trunks';
const shape = named('Brand');

/** The carriers with a preset: what it holds, where that was read, and what is left to the operator. */
export function brandRoutes(app: FastifyInstance): void {
  const querystring = z.strictObject({ ...pageFields, q: keyText.optional().describe('Part of an id or name.') });
  app.get(
    '/api/v1/brands',
    describe({
      operationId: 'listBrands',
      tag: TAG,
      summary: 'List the presets of carriers, each with its sources',
      querystring,
      answers: { 200: pageOf(shape) },
    }),
    (request) => {
      const query = request.query as z.infer<typeof querystring>;
      const wanted = query.q?.toLowerCase() ?? '';
      const found = brands().filter(({ id, name }) => id.includes(wanted) || name.toLowerCase().includes(wanted));
      return page(found, query, (preset) => preset);
    },
  );
  app.get(
    '/api/v1/brands/:id',
    describe({
      operationId: 'getBrand',
      tag: TAG,
      summary: 'Read one preset',
      params: z.strictObject({ id: keyText.describe("The brand's id.") }),
      answers: { 200: answer('The preset', shape) },
    }),
    (request: FastifyRequest) => {
      const { id } = request.params as { id: string };
      const preset = brandPreset(id);
      if (preset === undefined) throw notFound(`brand ${id}`);
      return preset;
    },
  );
}
