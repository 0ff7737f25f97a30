import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { SettingsError, StateError } from '../base/errors.ts';
import { type ApiContext, answer } from './context.ts';
import { named } from './openapi.ts';
import { operation } from './operation.ts';
import { nodeField } from './paging.ts';
import { ApiProblem } from './problem.ts';
import { refusalOf } from './told-apart.ts';

/** The node that is asked, for those who run it: its files, its end, its store, how it is doing. */
export function systemRoutes(app: FastifyInstance, context: ApiContext): void {
  const access = 'system';
  const node = nodeField.node.describe('The node of this name; the one that is asked when left out.');
  const store = named('Store');
  operation(app, 'reload', { access, answers: { 200: answer('What changed', named('ReloadReport')) } }).by(() =>
    reload(context),
  );
  // What SIGTERM does, for who cannot send signals: no new calls; the node ends with its last call, or when its time is over.
  operation(app, 'drain', { access, answers: { 202: answer('It drains', named('Drain')) } }).by((_request, reply) =>
    reply.code(202).send(context.drain()),
  );
  operation(app, 'getStore', { access, answers: { 200: answer('The store', store) } }).by(() => context.store.view());
  operation(app, 'restoreStore', { access, answers: { 200: answer('The store as it is now', store) } }).by(() =>
    restore(context),
  );
  operation(app, 'getNode', {
    access,
    querystring: z.strictObject({ node }),
    across: 'one',
    answers: { 200: answer('The node', named('Node')) },
  }).by(() => context.node());
}

/** What SIGHUP does, for who cannot send signals: the node's files again, all or nothing. */
async function reload(context: ApiContext) {
  try {
    return await context.reload();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const { length } = error.problems;
    const faults = length === 1 ? '1 fault' : `${length} faults`;
    const detail = `nothing was reloaded: ${faults} in the files of this node`;
    throw new ApiProblem(422, 'reload-refused', detail, { problems: error.problems });
  }
}

/** The way back when Redis has lost the store. */
async function restore({ store }: ApiContext) {
  try {
    await store.restore();
  } catch (error) {
    if (error instanceof StateError) throw new ApiProblem(409, 'store-not-restored', error.message);
    throw refusalOf(error);
  }
  return store.view();
}
