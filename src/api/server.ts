import { constants, randomBytes } from 'node:crypto';
import { maxHeaderSize } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import fastifyRateLimit from '@fastify/rate-limit';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { FailureCounter } from '../base/failure-counter.ts';
import { isAmong } from '../base/network.ts';
import { OneAtATime } from '../base/one-at-a-time.ts';
import type { OidcSettings } from '../settings/console-schema.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import { isSystemAdmin } from './access.ts';
import { answerAcross } from './across/across.ts';
import { authenticate } from './authentication.ts';
import { guardBrowsers, guardingHeaders } from './browser-guard.ts';
import { CallsFirst } from './calls-first.ts';
import { guardConnections, timeoutCheckMs } from './connection-guard.ts';
import type { ApiContext } from './context.ts';
import { withoutMarks } from './documents.ts';
import { endsEarly } from './early-answer.ts';
import { holdsMoreValues } from './json-values.ts';
import { KnownUsers } from './known-users.ts';
import { OidcProvider } from './oidc.ts';
import { DocumentTexts, documentPages } from './openapi-routes.ts';
import { OwnerTurns } from './owner-turns.ts';
import type { TokenStore, UserStore, Webhook } from './ports.ts';
import { ApiProblem, PROBLEM_TYPE, problemBody, problemOf } from './problem.ts';
import { addRoutes, type RouteOptions } from './routes.ts';
import { Sessions } from './sessions.ts';
import { sourceOf } from './source.ts';
import { Tokens, writeOwnerToken } from './tokens.ts';
import { atStart, toldApart } from './told-apart.ts';
import { noSuchRoute, readableTarget, refuseUnreadable } from './unreadable.ts';
import { check, validatorOf } from './validation.ts';

/** Certificate chain and key, PEM. */
export interface KeyPairOctets {
  readonly certificate: Buffer;
  readonly key: Buffer;
}

export interface ApiOptions
  extends Omit<
      ApiContext,
      | 'tokens'
      | 'users'
      | 'sessions'
      | 'oidc'
      | 'failures'
      | 'audited'
      | 'changes'
      | 'bodies'
      | 'entityTagKey'
      | 'webhooks'
    >,
    Omit<RouteOptions, 'documentOctets' | 'texts'> {
  readonly tokenStore: TokenStore;
  readonly userStore: UserStore;
  readonly webhooks: Omit<ApiContext['webhooks'], 'turns'>;
  /** Keys entity tags; nodes of one store share it. Default: random, so that tags end with the process. */
  readonly entityTagKey?: Buffer;
  /** `TANDEM_BOOTSTRAP_TOKEN`. */
  readonly bootstrapToken?: string | undefined;
  /** Called once with the first system-admin token, when one had to be made; prints it. */
  readonly onFirstToken?: (token: string) => void;
  /** File of the owner's token, e.g. `data/owner-token`; none when left out. */
  readonly ownerTokenPath?: string;
  /** The owner's token where another process of this node has made it. */
  readonly ownerToken?: string | undefined;
  /** Another process of this node passes requests on, over a socket that nobody else can reach: it speaks TLS, and says who asks. */
  readonly front?: { readonly isTls: boolean } | undefined;
  readonly tls?: KeyPairOctets;
  /** `api` of the node's settings, as far as it says whom and how much is let in. */
  readonly limits: Pick<
    NodeSettings['api'],
    | 'trustedProxies'
    | 'requestsPerMinute'
    | 'tokensPerTenant'
    | 'trunksPerTenant'
    | 'usersPerTenant'
    | 'webhooksPerTenant'
    | 'bytesPerTenant'
    | 'auditBytesPerTenant'
    | 'bodyBytes'
    | 'connections'
    | 'requestTimeoutMs'
  >;
  /** Webhooks of the node's configuration file: served beside the stored ones, changed in the file only. */
  readonly configuredWebhooks?: readonly Webhook[];
  /** Sign-in by an identity provider; default: by password alone. */
  readonly signInBy?: OidcSettings | undefined;
  /** Names by which it is asked, beside addresses and `localhost`; any other `Host` is refused. Default: none. */
  readonly hosts?: readonly string[];
}

export interface Api {
  readonly app: FastifyInstance;
  readonly tokens: Tokens;
  /** Returns the address that it listens on, e.g. `http://127.0.0.1:8080`. */
  listen(host: string, port: number): Promise<string>;
  /** Listens on a socket of the file system. */
  listenAt(path: string): Promise<unknown>;
  /** New connections see this certificate. Throws when the pair does not fit; does nothing without TLS. */
  renewCertificate(pair: KeyPairOctets): void;
  close(): Promise<void>;
}

/** Wrong tokens and passwords of one address before it has to wait. */
const FAILURES_PER_SOURCE = { failures: 30, windowMs: 60_000 };
const MAX_BODY_OCTETS = 1024 * 1024;
/** Of a body that is read while calls wait, whoever sends it but a system admin: twice what the largest item of a tenant holds, a group of 10,000 members. */
const MOST_VALUES = 20_000;
/** Of one owner: changes that are thought out one after the other, and bodies of megabytes that are kept while others are read. */
const MOST_CHANGES_WAITING = 100;
const MOST_BODIES_WAITING = 2;

/** Builds the HTTP interface; nothing listens yet. */
export async function createApi(options: ApiOptions): Promise<Api> {
  const [tokenStore, users] = [toldApart(options.tokenStore), new KnownUsers(toldApart(options.userStore))];
  const tokens = new Tokens(tokenStore, options.clock, options.limits.tokensPerTenant);
  const first = await new Tokens(atStart(tokenStore), options.clock, options.limits.tokensPerTenant).bootstrap(
    options.bootstrapToken,
  );
  if (first !== undefined) options.onFirstToken?.(first);
  const { ownerTokenPath } = options;
  const ownerToken = options.ownerToken ?? (ownerTokenPath === undefined ? undefined : writeOwnerToken(ownerTokenPath));
  if (ownerToken !== undefined) tokens.takeOwnerToken(ownerToken);
  const context: ApiContext = {
    ...options,
    webhooks: withConfigured(options),
    tokens,
    users,
    sessions: new Sessions(tokenStore, users, options.clock),
    oidc: options.signInBy === undefined ? undefined : new OidcProvider(options.signInBy, options.clock),
    failures: new FailureCounter(options.clock, FAILURES_PER_SOURCE),
    audited: new FailureCounter(options.clock, { failures: options.limits.auditBytesPerTenant, windowMs: 3_600_000 }),
    changes: new OwnerTurns(MOST_CHANGES_WAITING, 'changes'),
    bodies: new OwnerTurns(MOST_BODIES_WAITING, 'large bodies'),
    entityTagKey: options.entityTagKey ?? randomBytes(32),
  };
  const app = await createApp(options, context);
  const { sender, store, turns } = context.webhooks;
  const configureWebhooks = () => turns.run(async () => sender.configure(await store.list()));
  await configureWebhooks();
  options.webhooks.store.onChange?.(() => {
    configureWebhooks().catch((error: Error) => context.log.warn('webhooks-not-read', { error: error.message }));
  });
  return {
    app,
    tokens,
    listen: (host, port) => app.listen({ host, port }),
    listenAt: (path) => app.listen({ path }),
    renewCertificate: (pair) => {
      if (app.server instanceof TlsServer) app.server.setSecureContext(secured(pair));
    },
    close: () => app.close(),
  };
}

/** The sender always has the configured webhooks too, whatever becomes of the stored ones. */
function withConfigured({ webhooks, configuredWebhooks = [] }: ApiOptions): ApiContext['webhooks'] {
  const { sender, store } = webhooks;
  return {
    store: toldApart(store),
    sender: {
      configure: (stored) => sender.configure([...configuredWebhooks, ...stored]),
      status: (id) => sender.status(id),
      test: (webhook) => sender.test(webhook),
    },
    turns: new OneAtATime(),
  };
}

async function createApp(options: ApiOptions, context: ApiContext): Promise<FastifyInstance> {
  const { tls, limits } = options;
  const documentOctets = limits.bodyBytes;
  const isTls = tls !== undefined || options.front?.isTls === true;
  const base = {
    bodyLimit: Math.min(MAX_BODY_OCTETS, documentOctets),
    trustProxy: trustedHops(options),
    requestTimeout: limits.requestTimeoutMs,
    forceCloseConnections: true,
    rewriteUrl: ({ url = '/' }: { readonly url?: string | undefined }) => readableTarget(url),
    clientErrorHandler: refuseUnreadable(guardingHeaders(isTls)),
    // Each parameter has a length of its own; the runtime takes no longer head.
    routerOptions: { maxParamLength: maxHeaderSize },
  };
  const waits = {
    headersTimeout: base.requestTimeout,
    connectionsCheckingInterval: timeoutCheckMs(base.requestTimeout),
  };
  const app = (
    tls === undefined
      ? Fastify({ ...base, http: waits })
      : Fastify({ ...base, https: { ...waits, handshakeTimeout: base.requestTimeout, ...secured(tls) } })
  ) as FastifyInstance;
  // The front counts those that it takes.
  if (options.front === undefined) countConnections(app, options);
  if (options.callsWait !== undefined) putCallsFirst(app, new CallsFirst(context.clock, options.callsWait));
  guardBrowsers(app, { hosts: options.hosts ?? [], isTls });
  setUpBodies(app);
  setUpAnswers(app, context);
  authenticate(app, context);
  await setUpRateLimit(app, limits.requestsPerMinute);
  answerAcross(app, context);
  const { version, docs = true, metricsAccess } = options;
  const texts = new DocumentTexts({ version, docs, metricsAccess });
  if (docs) await documentPages(app, texts);
  await app.register(async (scope) => {
    await addRoutes(scope, context, { ...options, documentOctets, texts });
  });
  await app.ready();
  return app;
}

/** Before anything is asked of a request; probes are told that the node lives, however busy it is. */
function putCallsFirst(app: FastifyInstance, calls: CallsFirst): void {
  app.addHook('onRequest', async ({ url }) => {
    if (url !== '/healthz' && url !== '/readyz') await calls.turn();
  });
}

/** TLS 1.2 is not renegotiated: it costs the server more than whoever asks for it. */
export function secured({ certificate, key }: KeyPairOctets) {
  return { cert: certificate, key, minVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_RENEGOTIATION } as const;
}

/** Whose word for whom it speaks is taken: of the front, which is the first, and of the trusted proxies. */
function trustedHops({
  limits: { trustedProxies },
  front,
}: ApiOptions): false | string[] | ((address: string, hop: number) => boolean) {
  if (front === undefined) return trustedProxies.length === 0 ? false : [...trustedProxies];
  const isProxy = isAmong(trustedProxies);
  return (address, hop) => hop === 0 || isProxy(address);
}

function countConnections(app: FastifyInstance, { metrics, log, limits }: ApiOptions): void {
  const counts = guardConnections(app.server, limits.connections, isAmong(limits.trustedProxies), log);
  metrics.readGauge('tandem_http_connections', 'Open HTTP connections', () => counts().open);
  metrics.readCounters('tandem_http_connections_total', 'HTTP connections, by event', 'event', () => ({
    refused: counts().refused,
    gave_way: counts().gaveWay,
  }));
}

function setUpBodies(app: FastifyInstance): void {
  app.setValidatorCompiler(({ schema, httpPart }) =>
    validatorOf((value) => check(schema as unknown as z.ZodType, httpPart === 'body' ? withoutMarks(value) : value)),
  );
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  const parseDefault = app.getDefaultJsonParser('error', 'error');
  const parseJson = (request: FastifyRequest, octets: Buffer, done: (error: Error | null, body?: unknown) => void) => {
    const isOwners = request.identity !== undefined && isSystemAdmin(request.identity);
    if (isOwners || !holdsMoreValues(octets, MOST_VALUES)) void parseDefault(request, octets.toString(), done);
    else done(new ApiProblem(413, 'body-too-large', `the body holds more than ${MOST_VALUES} values`));
  };
  app.removeContentTypeParser('application/json');
  // Many clients send their Content-Type with every request; a route that takes no body misses none.
  app.addHook('onRequest', async ({ raw, routeOptions }) => {
    const { headers } = raw;
    const length = headers['content-length'] ?? headers['transfer-encoding'] ?? '0';
    if (length === '0' && routeOptions.schema?.body === undefined) delete headers['content-type'];
  });
  app.addContentTypeParser(
    ['application/json', 'application/merge-patch+json'],
    { parseAs: 'buffer' },
    (request, body, done) => parseJson(request, body as Buffer, done),
  );
}

function setUpAnswers(app: FastifyInstance, context: ApiContext): void {
  app.addHook('onSend', async (request, reply) => {
    if ((request.routeOptions.url ?? request.url).startsWith('/api/') && !reply.hasHeader('cache-control'))
      reply.header('cache-control', 'no-store');
    if (endsEarly(request.raw)) reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    context.metrics.observeHttp(request.method, route, reply.statusCode, reply.elapsedTime);
    context.log.debug('http-request', {
      method: request.method,
      route,
      status: reply.statusCode,
      elapsedMs: reply.elapsedTime,
    });
  });
  app.setErrorHandler((error: FastifyError, request, reply) => sendProblem(context, request, reply, problemOf(error)));
  app.setNotFoundHandler((request, reply) => {
    sendProblem(context, request, reply, noSuchRoute(request));
  });
}

function sendProblem(context: ApiContext, request: FastifyRequest, reply: FastifyReply, problem: ApiProblem): void {
  if (problem.status === 500) {
    context.metrics.countUncaught();
    context.log.error('http-handler-failed', {
      method: request.method,
      route: request.routeOptions.url,
      error: problem.cause,
    });
  } else if (problem.status === 503 && problem.cause !== undefined) {
    context.log.warn('change-not-stored', {
      method: request.method,
      route: request.routeOptions.url,
      error: problem.cause,
    });
  }
  reply
    .code(problem.status)
    .headers(problem.headers)
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(problemBody(problem)));
}

async function setUpRateLimit(app: FastifyInstance, requestsPerMinute: number): Promise<void> {
  await app.register(fastifyRateLimit, {
    global: true,
    // Who it is is known, and nothing of the body is read yet.
    hook: 'preParsing',
    max: requestsPerMinute,
    timeWindow: 60_000,
    cache: 10_000,
    keyGenerator: rateKey,
    allowList: (request) => request.routeOptions.url === '/healthz' || request.routeOptions.url === '/readyz',
    errorResponseBuilder: (_request, limit) =>
      new ApiProblem(429, 'rate-limited', `at most ${limit.max} requests per minute; try again in ${limit.after}`),
  });
  // The plugin knows routes alone; and what comes for none is not read any further.
  const limitOfAll = app.rateLimit();
  app.addHook('preParsing', async (request, reply) => {
    if (!request.is404) return;
    await limitOfAll.call(app, request, reply);
    throw noSuchRoute(request);
  });
}

/** A tenant's admins share one budget: more tokens are no more requests. */
function rateKey(request: FastifyRequest): string {
  const { identity } = request;
  return identity?.tenant === undefined ? (identity?.actor ?? sourceOf(request)) : `tenant:${identity.tenant}`;
}
