import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Provisioning } from '../provisioning/trunk-settings/schema.ts';
import { type AddedTransport, transportSchema } from '../settings/kept-transports.ts';
import { maySeeTrunk } from './access.ts';
import { listenerAnswer } from './answers/provisioning.ts';
import { keyText } from './collection.ts';
import { type ApiContext, answer, describe, identityOf } from './context.ts';
import { body, named } from './openapi.ts';
import { page, pageFields, pageOf } from './paging.ts';
import type { Listener, ListenerView, TransportOutcome } from './ports.ts';
import { ApiProblem, invalid, notFound } from './problem.ts';
import type { Identity } from './tokens.ts';

const shape = named('Transport', listenerAnswer);
const params = z.strictObject({ id: keyText.describe('`id` of the transport.') });
const querystring = z.strictObject(pageFields);

/** What the guide calls Transport Management: trunks can only use what the node listens on. */
export function transportRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get(
    '/api/v1/transports',
    describe({
      operationId: 'listTransports',
      tag: 'transports',
      summary: 'What this node listens on for SIP, with the certificates that it shows',
      querystring,
      answers: { 200: pageOf(shape) },
    }),
    (request) => {
      const identity = identityOf(request);
      const { state } = context.provisioning.current();
      return page(context.transports.list(), request.query as z.infer<typeof querystring>, (listener) =>
        viewOf(listener, identity, state),
      );
    },
  );
  changeRoutes(app, context);
}

function changeRoutes(app: FastifyInstance, context: ApiContext): void {
  app.post(
    '/api/v1/transports',
    describe({
      operationId: 'createTransport',
      tag: 'transports',
      summary: 'Have this node listen on a further address, at once and after each restart',
      access: 'system',
      body: body('TransportInput', transportSchema),
      answers: { 201: answer('It is open', shape) },
    }),
    async (request, reply) => {
      const wanted = request.body as AddedTransport;
      const listener = doneOr(await context.transports.add(wanted), wanted.name);
      record(context, request, 'create', wanted.name, { after: listener });
      return reply
        .code(201)
        .header('location', '/api/v1/transports')
        .send(viewOf(listener, identityOf(request), context.provisioning.current().state));
    },
  );
  app.delete(
    '/api/v1/transports/:id',
    describe({
      operationId: 'deleteTransport',
      tag: 'transports',
      summary: 'Have this node leave an address that was added here',
      access: 'system',
      params,
      answers: { 204: answer('Nothing new is taken there') },
    }),
    async (request, reply) => {
      const { id } = request.params as z.infer<typeof params>;
      const listener = doneOr(await context.transports.remove(id), id);
      record(context, request, 'delete', id, { before: listener });
      return reply.code(204).send();
    },
  );
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
      throw new ApiProblem(503, 'store-unavailable', result.reason, { headers: { 'retry-after': '2' } });
    case 'unknown':
      throw notFound(`transport ${id}`);
  }
}

function record(
  context: ApiContext,
  request: FastifyRequest,
  action: 'create' | 'delete',
  id: string,
  became: { readonly before?: Listener; readonly after?: Listener },
): void {
  context.audit.record({ actor: identityOf(request).actor, action, resource: `transports/${id}`, ...became });
}

function viewOf(listener: Listener, identity: Identity, { trunks }: Provisioning): ListenerView {
  const users = trunks.filter(
    (trunk) =>
      maySeeTrunk(identity, trunk) &&
      (trunk.options.listener === undefined
        ? (trunk.transport ?? 'udp') === listener.transport
        : trunk.options.listener === listener.id),
  );
  return { ...listener, trunks: users.length };
}
