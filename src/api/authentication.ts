import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Access, ApiContext } from './context.ts';
import { ApiProblem, forbidden, notNow } from './problem.ts';
import { requireCsrfToken, sessionCookieOf } from './session-cookie.ts';
import { sourceOf } from './source.ts';
import type { Identity } from './tokens.ts';

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

type Guards = Pick<ApiContext, 'tokens' | 'sessions' | 'failures'>;

/** Every request but those to public routes shows a bearer token or the cookie of a session; guessing is slowed per source. */
export function authenticate(app: FastifyInstance, { tokens, sessions, failures }: Guards): void {
  app.decorateRequest('identity', undefined);
  app.addHook('onRequest', async (request) => {
    if (request.is404) return;
    const access = accessOf(request);
    const token = bearerOf(request);
    if (token === undefined) {
      await authenticateBrowser(request, access, sessions);
      return;
    }
    const blocked = failures.isBlocked(sourceOf(request));
    // Guessing must not lock out who shares the address: a token that was good before is not a guess.
    if (blocked && !tokens.isRemembered(token)) {
      throw notNow(429, 'too-many-failures', 'too many wrong tokens from this address', 60);
    }
    request.identity = await tokens.identify(token);
    if (access === 'public') return;
    if (request.identity === undefined) {
      failures.count(sourceOf(request));
      throw unauthenticated();
    }
    requireAllowed(request, access, request.identity);
  });
}

/** A cookie comes with every request to here, also with those to public routes, and with ones that its owner knows nothing of. */
async function authenticateBrowser(
  request: FastifyRequest,
  access: Access,
  sessions: ApiContext['sessions'],
): Promise<void> {
  const cookie = sessionCookieOf(request);
  const identity = cookie === undefined ? undefined : await sessions.identify(cookie);
  request.identity = identity;
  if (access === 'public') return;
  if (identity === undefined || cookie === undefined) throw unauthenticated();
  requireCsrfToken(request, cookie);
  requireAllowed(request, access, identity);
}

function requireAllowed(request: FastifyRequest, access: Access, identity: Identity): void {
  if (access === 'system' && identity.role !== 'system-admin') throw forbidden('only a system admin may do this');
  const changes = !READS.has(request.method) && request.routeOptions.config.readOnly !== true;
  if (identity.readOnly === true && changes) throw forbidden('this user sees everything and changes nothing');
}

function unauthenticated(): ApiProblem {
  return new ApiProblem(401, 'unauthenticated', 'a valid bearer token is needed', {
    headers: { 'www-authenticate': 'Bearer realm="tandem"' },
  });
}

/** A route that says nothing is a system admin's, so that forgetting the word opens nothing. The pages of /docs hold no data. */
function accessOf(request: FastifyRequest): Access {
  const { config, url } = request.routeOptions;
  if (config.access !== undefined) return config.access;
  return url === '/docs' || url?.startsWith('/docs/') === true ? 'public' : 'system';
}

function bearerOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined || header.length > 1024) return undefined;
  const [scheme = '', token = ''] = header.split(' ', 2);
  return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined;
}
