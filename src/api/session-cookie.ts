/** The cookie that a browser keeps of a sign-in: how it is set, and when a request that brings it is believed. */
import { timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { forbidden } from './problem.ts';
import { csrfTokenOf, SESSION_SECONDS } from './sessions.ts';

/** Over HTTPS the prefix has the browser take it from this very host alone (RFC 6265bis §4.1.3.2). */
const SECURE_NAME = '__Host-tandem';
const PLAIN_NAME = 'tandem-session';
/** Of a browser that is at an identity provider, which sends it back: a cookie that such a request brings. */
const SECURE_FLOW_NAME = '__Host-tandem-oidc';
const PLAIN_FLOW_NAME = 'tandem-oidc';
const FLOW_SECONDS = 600;
const CSRF_HEADER = 'x-csrf-token';
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const MAX_COOKIES_LENGTH = 8192;

export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, value: string): void {
  setCookie(reply, cookie(request, nameFor(request), value, SESSION_SECONDS));
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  setCookie(reply, cookie(request, nameFor(request), '', 0));
}

export function setFlowCookie(request: FastifyRequest, reply: FastifyReply, value: string): void {
  setCookie(reply, cookie(request, flowNameFor(request), value, FLOW_SECONDS, 'Lax'));
}

export function clearFlowCookie(request: FastifyRequest, reply: FastifyReply): void {
  setCookie(reply, cookie(request, flowNameFor(request), '', 0, 'Lax'));
}

/** Beside those that the answer has already. */
function setCookie(reply: FastifyReply, value: string): void {
  void reply.header('set-cookie', value);
}

function cookie(
  request: FastifyRequest,
  name: string,
  value: string,
  maxAgeSeconds: number,
  sameSite: 'Strict' | 'Lax' = 'Strict',
): string {
  const secure = isSecure(request) ? '; Secure' : '';
  return `${name}=${value}; Path=/; HttpOnly; SameSite=${sameSite}; Max-Age=${maxAgeSeconds}${secure}`;
}

/** The session that a request brings; none when another site made the browser ask. */
export function sessionCookieOf(request: FastifyRequest): string | undefined {
  return isOwnPage(request) ? cookieOf(request, nameFor(request)) : undefined;
}

/** What a browser kept while it was at the identity provider, whose page sends it back. */
export function flowCookieOf(request: FastifyRequest): string | undefined {
  return cookieOf(request, flowNameFor(request));
}

function cookieOf(request: FastifyRequest, name: string): string | undefined {
  const header = request.headers.cookie;
  if (header === undefined || header.length > MAX_COOKIES_LENGTH) return undefined;
  const prefix = `${name}=`;
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

function flowNameFor(request: FastifyRequest): string {
  return isSecure(request) ? SECURE_FLOW_NAME : PLAIN_FLOW_NAME;
}

function isSecure({ protocol }: FastifyRequest): boolean {
  return protocol === 'https';
}
