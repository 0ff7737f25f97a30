import type { FastifyInstance } from 'fastify';
import { type ApiContext, answer, describe } from './context.ts';
import { named } from './openapi.ts';

/** What SIGTERM does, for who cannot send signals: no new calls; the node ends with its last call, or when its time is over. */
export function drainRoute(app: FastifyInstance, context: ApiContext): void {
  app.post(
    '/api/v1/drain',
    describe({
      operationId: 'drain',
      tag: 'system',
      summary: 'Take no new calls, and end when those in progress have, or when their time is over',
      access: 'system',
      answers: { 202: answer('It drains', named('Drain')) },
    }),
    (_request, reply) => {
      const draining = context.drain();
      return reply.code(202).send(draining);
    },
  );
}
