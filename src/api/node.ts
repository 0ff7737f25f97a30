import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type ApiContext, answer } from './context.ts';
import { named } from './openapi.ts';
import { operation } from './operation.ts';
import { nodeField } from './paging.ts';

/** How the node that is asked is doing. */
export function nodeRoute(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'getNode', {
    access: 'system',
    querystring: z.strictObject({
      node: nodeField.node.describe('The node of this name; the one that is asked when left out.'),
    }),
    across: 'one',
    answers: { 200: answer('The node', named('Node')) },
  }).by(() => context.node());
}
