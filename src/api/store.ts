import type { FastifyInstance } from 'fastify';
import { StateError } from '../base/errors.ts';
import { type ApiContext, answer } from './context.ts';
import { named } from './openapi.ts';
import { operation } from './operation.ts';
import { ApiProblem } from './problem.ts';
import { refusalOf } from './told-apart.ts';

/** The store as the node that is asked sees it, and the way back when Redis has lost it. */
export function storeRoutes(app: FastifyInstance, context: ApiContext): void {
  const shape = named('Store');
  operation(app, 'getStore', { access: 'system', answers: { 200: answer('The store', shape) } }).by(() =>
    context.store.view(),
  );
  operation(app, 'restoreStore', { access: 'system', answers: { 200: answer('The store as it is now', shape) } }).by(
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
