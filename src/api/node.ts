import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type ApiContext, answer, describe } from './context.ts';
import { named } from './openapi.ts';
import { nodeField } from './paging.ts';

/** How the node that is asked is doing. */
export function nodeRoute(app: FastifyInstance, context: ApiContext): void {
  app.get(
    '/api/v1/node',
    describe({
      operationId: 'getNode',
      tag: 'system',
      summary: 'How this node is doing: event loop, memory, sockets, what waits',
      access: 'system',
      querystring: z.strictObject({
        node: nodeField.node.describe('The node of this name; the one that is asked when left out.'),
      }),
      across: 'one',
      answers: { 200: answer('The node', named('Node')) },
    }),
    () => context.node(),
  );
}
