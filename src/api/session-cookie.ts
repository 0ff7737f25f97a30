/** The cookie that a browser keeps of a sign-in: how it is set, and when a request that brings it is believed. */
import { timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { forbidden } from './problem.ts';
import { csrfTokenOf, SESSION_SECONDS } from './sessions.ts';

/** Over HTTPS the prefix has the browser take it from this very host alone (RFC 6265bis §4.1.3.2). */
const SECURE_NAME = '__Host-tandem';
const PLAIN_NAME = 'tandem-session';
const CSRF_HEADER = 'x-csrf-token';
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const MAX_COOKIES_LENGTH = 8192;

export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, value: string): void {
  void reply.header('set-cookie', cookie(request, value, SESSION_SECONDS));
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  void reply.header('set-cookie', cookie(request, '', 0));
}

function cookie(request: FastifyRequest, value: string, maxAgeSeconds: number): string {
  const secure = isSecure(request) ? '; Secure' : '';
  return `${nameFor(request)}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeSeconds}${secure}`;
}

/** The session that a request brings; none when another site made the browser ask. */
export function sessionCookieOf(request: FastifyRequest): string | undefined {
  const header = request.headers.cookie;
  if (header === undefined || header.length > MAX_COOKIES_LENGTH || !isOwnPage(request)) return undefined;
  const prefix = `${nameFor(request)}=`;
  for (const pair of header.split(';')) {
    const text = pair.trim();
    if (text.startsWith(prefix)) return text.slice(prefix.length) || undefined;
  }
  return undefined;
}

/** What changes something says so with a value that only our own pages can know. Throws an ApiProblem otherwise. */
export function requireCsrfToken(request: FastifyRequest, session: string): void {
  if (SAFE_METHODS.has(request.method)) return;
  const given = request.headers[CSRF_HEADER];
  const expected = Buffer.from(csrfTokenOf(session));
  const presented = Buffer.from(typeof given === 'string' ? given : '');
  if (presented.length === expected.length && timingSafeEqual(presented, expected)) return;
  throw forbidden(`a change by a browser needs the session's ${CSRF_HEADER}; see GET /api/v1/session`);
}

/** A sign-in that another site's page starts is refused: it would put its visitor into an account of its choosing. */
export function requireOwnPage(request: FastifyRequest): void {
  if (!isOwnPage(request)) throw forbidden('a sign-in starts on a page of this interface');
}

/** Browsers say where a request comes from (Fetch Metadata); older ones say so with Origin when it changes something. */
function isOwnPage({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const { origin, host } = headers;
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}

function nameFor(request: FastifyRequest): string {
  return isSecure(request) ? SECURE_NAME : PLAIN_NAME;
}

function isSecure({ protocol }: FastifyRequest): boolean {
  return protocol === 'https';
}
