import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '../base/scheduler.ts';
import type { Access } from './context.ts';
import { ApiProblem, forbidden } from './problem.ts';
import type { Tokens } from './tokens.ts';

const FAILURES_PER_MINUTE = 30;
const MAX_SOURCES = 10_000;
const WINDOW_MS = 60_000;

/** Every request but those to public routes shows a bearer token; guessing is slowed per source. */
export function authenticate(app: FastifyInstance, tokens: Tokens, clock: Clock): void {
  const failures = new FailureCounter(clock);
  app.decorateRequest('identity', undefined);
  app.addHook('onRequest', async (request) => {
    if (request.is404) return;
    const access = accessOf(request);
    const token = bearerOf(request);
    if (access === 'public' && token === undefined) return;
    const blocked = failures.isBlocked(request.ip);
    // Guessing must not lock out who shares the address: a token that was good before is not a guess.
    if (blocked && token !== undefined && !tokens.isRemembered(token)) {
      throw new ApiProblem(429, 'too-many-failures', 'too many wrong tokens from this address', {
        headers: { 'retry-after': '60' },
      });
    }
    const identity = token === undefined ? undefined : await tokens.identify(token);
    request.identity = identity;
    if (access === 'public') return;
    if (identity === undefined) {
      if (token !== undefined) failures.count(request.ip);
      throw new ApiProblem(401, 'unauthenticated', 'a valid bearer token is needed', {
        headers: { 'www-authenticate': 'Bearer realm="tandem"' },
      });
    }
    if (access === 'system' && identity.role !== 'system-admin') throw forbidden('only a system admin may do this');
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

class FailureCounter {
  readonly #clock: Clock;
  readonly #sources = new Map<string, { sinceMs: number; count: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isBlocked(source: string): boolean {
    const entry = this.#sources.get(source);
    if (entry === undefined) return false;
    if (this.#clock.nowMs() - entry.sinceMs >= WINDOW_MS) {
      this.#sources.delete(source);
      return false;
    }
    return entry.count >= FAILURES_PER_MINUTE;
  }

  count(source: string): void {
    const entry = this.#sources.get(source);
    if (entry !== undefined) {
      entry.count++;
      return;
    }
    if (this.#sources.size >= MAX_SOURCES) this.#sources.delete(this.#sources.keys().next().value as string);
    this.#sources.set(source, { sinceMs: this.#clock.nowMs(), count: 1 });
  }
}
