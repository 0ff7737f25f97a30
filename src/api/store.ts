import type { FastifyInstance } from 'fastify';
import { StateError } from '../base/errors.ts';
import { type ApiContext, answer, describe } from './context.ts';
import { named } from './openapi.ts';
import { ApiProblem } from './problem.ts';
import { refusalOf } from './told-apart.ts';

/** The store as the node that is asked sees it, and the way back when Redis has lost it. */
export function storeRoutes(app: FastifyInstance, context: ApiContext): void {
  const shape = named('Store');
  app.get(
    '/api/v1/store',
    describe({
      operationId: 'getStore',
      tag: 'system',
      summary: 'Read the state of the store and of the nodes on it',
      access: 'system',
      answers: { 200: answer('The store', shape) },
    }),
    () => context.store.view(),
  );
  app.post(
    '/api/v1/store/restore',
    describe({
      operationId: 'restoreStore',
      tag: 'system',
      summary: "Write this node's copy into a Redis that has lost the store",
      access: 'system',
      answers: { 200: answer('The store as it is now', shape) },
    }),
    async () => {
      try {
        await context.store.restore();
      } catch (error) {
        if (error instanceof StateError) throw new ApiProblem(409, 'store-not-restored', error.message);
        throw refusalOf(error);
      }
      return context.store.view();
    },
  );
}
