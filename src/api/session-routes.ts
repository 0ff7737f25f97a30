import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Counts } from '../base/counts.ts';
import { defined } from '../base/defined.ts';
import { optional } from '../base/schema.ts';
import { type ApiContext, answer, audit, identityOf } from './context.ts';
import { body, named } from './openapi.ts';
import { operation } from './operation.ts';
import { ApiProblem, notNow } from './problem.ts';
import { clearSessionCookie, requireOwnPage, sessionCookieOf, setSessionCookie } from './session-cookie.ts';
import { csrfTokenOf, type OpenedSession } from './sessions.ts';
import { sourceOf } from './source.ts';
import type { Identity } from './tokens.ts';
import { userName } from './users.ts';

const shape = named('Session');
const MAX_PASSWORD = 256;
/** Sign-ins of one address, or /64: so many guesses it may make before it is known that they are wrong. */
const MOST_AT_ONCE = 10;

const credentials = z.strictObject({
  user: userName,
  password: z.string().max(MAX_PASSWORD).describe('The password.'),
  code: optional(z.string().max(16), 'Of the authenticator app, where one is set up.'),
});
const link = z.strictObject({ link: z.string().max(256).describe('The code of a sign-in link.') });

/** Sign-in and sign-out of people with a browser. */
export function sessionRoutes(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'getSession', { access: 'public', answers: { 200: answer('The session', shape) } }).by(
    async (request) => {
      const cookie = sessionCookieOf(request);
      const { identity } = request;
      if (identity === undefined) {
        const firstRun = (await context.users.list()).length === 0;
        return { signedIn: false, firstRun, ...defined({ provider: context.oidc?.name }) };
      }
      return sessionView(context, identity, cookie);
    },
  );
  signInRoute(app, context);
  operation(app, 'deleteSession', { readOnly: true, answers: { 200: answer('Nobody is signed in', shape) } }).by(
    async (request, reply) => {
      const { session } = identityOf(request);
      if (session !== undefined) await context.sessions.end(session.id);
      clearSessionCookie(request, reply);
      const { oidc } = context;
      const isByProvider = session?.createdBy.startsWith('oidc:') === true;
      const signOutUrl = isByProvider ? await oidc?.signOutUrl() : undefined;
      return { signedIn: false, firstRun: false, ...defined({ provider: oidc?.name, signOutUrl }) };
    },
  );
  operation(app, 'createSignInLink', {
    access: 'system',
    answers: { 201: answer('The link', named('NewSignInLink')) },
  }).by(async (request, reply) => {
    const identity = identityOf(request);
    // A session without a user (a provider's, a link's) ends as well: it would outlive its end by one link after the other.
    if (identity.expiresAtMs !== undefined || (identity.session !== undefined && identity.user === undefined))
      throw new ApiProblem(403, 'not-permitted', 'what ends by itself cannot open a session');
    const { code, expiresAt } = await context.sessions.createLink(identity.actor);
    audit(context, request, 'create', 'sign-in-links', { after: { expiresAt } });
    // Behind the # it reaches no server and no log.
    return reply.code(201).send({ path: `/console/sign-in#link=${code}`, expiresAt });
  });
}

function signInRoute(app: FastifyInstance, context: ApiContext): void {
  const underWay = new Counts();
  operation(app, 'createSession', {
    access: 'public',
    body: body('SignIn', z.union([credentials, link])),
    answers: { 201: answer('Signed in', shape) },
  }).by(async (request, reply) => {
    requireOwnPage(request);
    const source = sourceOf(request);
    if (context.failures.isBlocked(source)) throw tooMany();
    // What is under way has not failed yet.
    if (underWay.get(source) >= MOST_AT_ONCE)
      throw notNow(503, 'busy', 'too many sign-ins from this address at once; try again', 2);
    underWay.change(source, 1);
    const opened = await open(context, request)
      .catch((error: unknown) => {
        if (error instanceof ApiProblem && error.code === 'sign-in-failed') {
          context.failures.count(source);
          context.log.warn('sign-in-refused', { source: request.ip });
        }
        throw error;
      })
      .finally(() => underWay.change(source, -1));
    await endEarlier(context, request);
    return answerSignedIn(context, request, reply, opened);
  });
}

function open(context: ApiContext, request: FastifyRequest): Promise<OpenedSession> {
  const given = request.body as z.infer<typeof credentials> | z.infer<typeof link>;
  return 'link' in given ? context.sessions.useLink(given.link) : context.sessions.signIn(given, sourceOf(request));
}

/** The session that this browser had goes: nobody else may have it. */
async function endEarlier(context: ApiContext, request: FastifyRequest): Promise<void> {
  const id = request.identity?.session?.id;
  if (id !== undefined) await context.sessions.end(id);
}

async function answerSignedIn(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  opened: OpenedSession,
): Promise<FastifyReply> {
  const { cookie } = opened;
  const identity = await startSession(context, request, opened);
  setSessionCookie(request, reply, cookie);
  return reply.code(201).send(await sessionView(context, identity, cookie));
}

/** Says who has signed in, in the log and the audit log; `how`: by whom it is vouched for, if by anybody else. */
export async function startSession(
  context: ApiContext,
  request: FastifyRequest,
  { cookie, record }: OpenedSession,
  how: Readonly<Record<string, string>> = {},
): Promise<Identity> {
  const identity = await context.sessions.identify(cookie);
  if (identity === undefined) throw new ApiProblem(401, 'sign-in-failed', 'name, password or code is wrong');
  context.log.info('signed-in', { actor: identity.actor, source: request.ip, ...how });
  context.audit.record({
    actor: identity.actor,
    action: 'create',
    resource: 'session',
    ...defined({ tenant: record.tenant }),
    after: { source: request.ip, ...how },
  });
  return identity;
}

async function sessionView(context: ApiContext, identity: Identity, cookie: string | undefined): Promise<object> {
  const user = identity.user === undefined ? undefined : await context.users.get(identity.user);
  return {
    signedIn: true,
    firstRun: user === undefined && (await context.users.list()).length === 0,
    actor: identity.actor,
    ...(user === undefined ? {} : { user: user.id, codes: user.totp?.confirmed === true }),
    role: identity.role,
    ...defined({ tenant: identity.tenant }),
    readOnly: identity.readOnly === true,
    ...(cookie === undefined || identity.session === undefined ? {} : { csrfToken: csrfTokenOf(cookie) }),
    ...defined({ expiresAt: identity.session?.expiresAt }),
  };
}

function tooMany(): ApiProblem {
  return notNow(429, 'too-many-failures', 'too many failed sign-ins from this address; try again in a minute', 60);
}
