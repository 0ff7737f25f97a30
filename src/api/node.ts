import type { FastifyInstance } from 'fastify';
import { nodeAnswer } from './answers/node.ts';
import { type ApiContext, answer, describe } from './context.ts';
import { named } from './openapi.ts';

/** How the node that is asked is doing. */
export function nodeRoute(app: FastifyInstance, context: ApiContext): void {
  app.get(
    '/api/v1/node',
    describe({
      operationId: 'getNode',
      tag: 'system',
      summary: 'How this node is doing: event loop, memory, sockets, what waits',
      access: 'system',
      answers: { 200: answer('The node', named('Node', nodeAnswer)) },
    }),
    () => context.node(),
  );
}
