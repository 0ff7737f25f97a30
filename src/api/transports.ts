import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { withBrand } from '../provisioning/trunk-settings/effective.ts';
import type { Provisioned } from '../provisioning/trunk-settings/schema.ts';
import { type AddedTransport, transportSchema } from '../settings/kept-transports.ts';
import { maySeeTrunk } from './access.ts';
import { keyText } from './collection.ts';
import { type ApiContext, answer, audit, identityOf } from './context.ts';
import { body, named } from './openapi.ts';
import { operation } from './operation.ts';
import { page, pageFields, pageOf } from './paging.ts';
import type { Listener, ListenerView, TransportOutcome } from './ports.ts';
import { ApiProblem, invalid, notFound, unavailable } from './problem.ts';
import type { Identity } from './tokens.ts';

const shape = named('Transport');
const params = z.strictObject({ id: keyText.describe('`id` of the transport.') });
const querystring = z.strictObject(pageFields);

/** What the guide calls Transport Management: trunks can only use what the node listens on. */
export function transportRoutes(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'listTransports', { querystring, answers: { 200: pageOf(shape) } }).by((request) => {
    const identity = identityOf(request);
    const { state } = context.provisioning.current();
    const users = usersOf(identity, state);
    return page(context.transports.list(), request.query, (listener) => viewOf(listener, users));
  });
  changeRoutes(app, context);
}

function changeRoutes(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'createTransport', {
    access: 'system',
    body: body('TransportInput', transportSchema),
    answers: { 201: answer('It is open', shape) },
  }).by(async (request, reply) => {
    const wanted = request.body as AddedTransport;
    const listener = doneOr(await context.transports.add(wanted), wanted.name);
    audit(context, request, 'create', `transports/${wanted.name}`, { after: listener });
    return reply
      .code(201)
      .header('location', '/api/v1/transports')
      .send(viewOf(listener, usersOf(identityOf(request), context.provisioning.current().state)));
  });
  operation(app, 'deleteTransport', {
    access: 'system',
    params,
    answers: { 204: answer('Nothing new is taken there') },
  }).by(async (request, reply) => {
    const { id } = request.params;
    const listener = doneOr(await context.transports.remove(id), id);
    audit(context, request, 'delete', `transports/${id}`, { before: listener });
    return reply.code(204).send();
  });
}

function doneOr(result: TransportOutcome, id: string): Listener {
  switch (result.outcome) {
    case 'done':
      if (result.transport === undefined) throw new Error(`transport ${id} is done and not there`);
      return result.transport;
    case 'refused':
      throw invalid(result.problems);
    case 'conflict':
      throw new ApiProblem(409, result.code, result.reason);
    case 'unavailable':
      throw unavailable(result.reason);
    case 'unknown':
      throw notFound(`transport ${id}`);
  }
}

/** How many trunks depend on what: a listener by its name, or else all of a transport, which a trunk's brand may say. */
interface Users {
  readonly byListener: ReadonlyMap<string, number>;
  readonly byTransport: ReadonlyMap<string, number>;
}

function usersOf(identity: Identity, { trunks }: Provisioned): Users {
  const byListener = new Map<string, number>();
  const byTransport = new Map<string, number>();
  for (const trunk of trunks) {
    if (!maySeeTrunk(identity, trunk)) continue;
    const { listener } = trunk.options;
    const [counts, key] = listener === undefined ? [byTransport, withBrand(trunk).transport] : [byListener, listener];
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return { byListener, byTransport };
}

function viewOf(listener: Listener, { byListener, byTransport }: Users): ListenerView {
  const trunks = (byListener.get(listener.id) ?? 0) + (byTransport.get(listener.transport) ?? 0);
  return { ...listener, trunks };
}
