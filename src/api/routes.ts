/** All routes that the OpenAPI document describes, and the hidden ones beside them. Added where they are answered, and where the document is made. */
import type { FastifyInstance } from 'fastify';
import { auditRoute } from './audit.ts';
import { brandRoutes } from './brands.ts';
import { bulkRoutes } from './bulk.ts';
import { certificateRoutes } from './certificates.ts';
import { collectionRoutes } from './collections.ts';
import { consoleRoutes } from './console.ts';
import { type ApiContext, answer } from './context.ts';
import { csvRoutes } from './csv-lists.ts';
import { eventRoutes } from './event-stream.ts';
import { explainRoutes } from './explain.ts';
import { leaseRoute } from './leases.ts';
import { liveRoutes } from './live.ts';
import { messageRoutes } from './messages.ts';
import { oidcRoutes } from './oidc-routes.ts';
import { named } from './openapi.ts';
import { type DocumentOptions, type DocumentTexts, documentRoute } from './openapi-routes.ts';
import { operation } from './operation.ts';
import { planChangeRoute } from './plan-change.ts';
import { provisioningRoutes } from './provisioning.ts';
import { recordRoutes } from './records.ts';
import { sessionRoutes } from './session-routes.ts';
import { systemRoutes } from './system.ts';
import { tenantCreationRoute, tenantRoutes } from './tenants.ts';
import { tokenRoutes } from './token-routes.ts';
import { traceRoutes } from './traces.ts';
import { transportRoutes } from './transports.ts';
import { trunkRoutes } from './trunks.ts';
import { userRoutes } from './users.ts';
import { webhookRoutes } from './webhooks.ts';

export interface RouteOptions extends DocumentOptions {
  /** Of a provisioning document or a list, at most. */
  readonly documentOctets: number;
  readonly texts: Pick<DocumentTexts, 'json'>;
  /** Folder of the console's bundle; `/console` is not served when left out. */
  readonly consoleFolder?: string;
  /** Whether calls wait for their turn: requests and event streams come after them. Default: never. */
  readonly callsWait?: () => boolean;
}

/** Adding them does nothing yet with what they work with, but that event streams are counted in `context.metrics`. */
export async function addRoutes(app: FastifyInstance, context: ApiContext, options: RouteOptions): Promise<void> {
  healthRoutes(app, context, options);
  if (options.consoleFolder !== undefined) consoleRoutes(app, options.consoleFolder);
  tenantRoutes(app, context);
  collectionRoutes(app, context);
  planChangeRoute(app, context);
  transportRoutes(app, context);
  trunkRoutes(app, context);
  brandRoutes(app);
  certificateRoutes(app, context);
  systemRoutes(app, context);
  liveRoutes(app, context);
  recordRoutes(app, context);
  explainRoutes(app, context);
  leaseRoute(app, context);
  traceRoutes(app, context);
  eventRoutes(app, context, options.callsWait);
  messageRoutes(app, context);
  tokenRoutes(app, context);
  webhookRoutes(app, context);
  auditRoute(app, context);
  sessionRoutes(app, context);
  if (context.oidc !== undefined) oidcRoutes(app, context, context.oidc);
  userRoutes(app, context);
  // In scopes of their own: they read bodies otherwise.
  await app.register(async (own) => tenantCreationRoute(own, context));
  await app.register(async (own) => bulkRoutes(own, context));
  await app.register(async (own) => provisioningRoutes(own, context, options.documentOctets));
  await app.register(async (own) => csvRoutes(own, context, options.documentOctets));
}

function healthRoutes(app: FastifyInstance, context: ApiContext, options: RouteOptions): void {
  const text = { content: { 'text/plain': { schema: { type: 'string' } } } };
  const state = named('Readiness');
  app.get('/', { config: { access: 'public' }, schema: { hide: true } }, (_request, reply) =>
    reply
      .type('text/plain; charset=utf-8')
      .send(
        [
          `tandem ${options.version}, a SIP signalling engine`,
          '',
          ...(options.consoleFolder === undefined ? [] : ['/console       the console, for people']),
          ...(options.docs === false ? [] : ['/docs          the HTTP interface, to read and try']),
          '/openapi.json  the same for programs',
          '/healthz       whether the process answers',
          '/readyz        whether new calls are taken',
          '/metrics       Prometheus metrics',
          '',
        ].join('\n'),
      ),
  );
  operation(app, 'getHealth', { access: 'public', answers: { 200: answer('It does', named('Health')) } }).by(() => ({
    status: 'ok',
    version: options.version,
  }));
  operation(app, 'getReadiness', {
    access: 'public',
    answers: { 200: answer('They are', state), 503: answer('They are not; reasons say why', state) },
  }).by((_request, reply) => {
    const { ready, reasons } = context.engine.readiness();
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not-ready', reasons });
  });
  operation(app, 'getMetrics', {
    access: options.metricsAccess ?? 'public',
    answers: { 200: { description: 'Metrics', ...text } },
  }).by(async (_request, reply) => reply.type(context.metrics.contentType).send(await context.metrics.render()));
  documentRoute(app, options.docs !== false, options.texts);
}
