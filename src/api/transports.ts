import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Provisioning } from '../provisioning/trunk-settings/schema.ts';
import { maySeeTrunk } from './access.ts';
import { listenerAnswer } from './answers/provisioning.ts';
import { type ApiContext, describe, identityOf } from './context.ts';
import { named } from './openapi.ts';
import { page, pageFields, pageOf } from './paging.ts';
import type { Listener, ListenerView } from './ports.ts';
import type { Identity } from './tokens.ts';

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
      answers: { 200: pageOf(named('Transport', listenerAnswer)) },
    }),
    (request) => {
      const identity = identityOf(request);
      const { state } = context.provisioning.current();
      return page(context.engine.listeners(), request.query as z.infer<typeof querystring>, (listener) =>
        viewOf(listener, identity, state),
      );
    },
  );
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
