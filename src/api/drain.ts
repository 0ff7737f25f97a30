import type { FastifyInstance } from 'fastify';
import { type ApiContext, answer } from './context.ts';
import { named } from './openapi.ts';
import { operation } from './operation.ts';

/** What SIGTERM does, for who cannot send signals: no new calls; the node ends with its last call, or when its time is over. */
export function drainRoute(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'drain', { access: 'system', answers: { 202: answer('It drains', named('Drain')) } }).by(
    (_request, reply) => {
      const draining = context.drain();
      return reply.code(202).send(draining);
    },
  );
}
