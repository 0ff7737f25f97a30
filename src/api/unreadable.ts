/**
 * What cannot be read as a request. The framework would answer such ones itself, in a form of its own: those whose target cannot be
 * decoded before anybody asks by which name they came, how many there were and whether calls wait.
 */

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionError, FastifyRequest } from 'fastify';
import { ApiProblem, PROBLEM_TYPE, problemBody } from './problem.ts';

/** Nothing is there, and no target has a space, so it goes the way of all requests to a path that does nothing. */
const NOWHERE = '/no target';

/** The path and query of a request's target (RFC 9112 §3.2); those of {@link NOWHERE} for one that no route can be found for. */
export function readableTarget(target: string): string {
  const origin = /^https?:\/\/[^/?]*/i.exec(target)?.[0] ?? '';
  const path = target.slice(origin.length);
  if (path === '' && origin !== '') return '/';
  return path.startsWith('/') && isDecodable(path.split('?', 1)[0] ?? '') ? path : NOWHERE;
}

function isDecodable(path: string): boolean {
  if (!path.includes('%')) return true;
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

/** Why there is nothing at the path of this request. */
export function noSuchRoute({ method, url }: FastifyRequest): ApiProblem {
  if (url === NOWHERE)
    return new ApiProblem(400, 'malformed-request', 'the target is no path in percent-encoded UTF-8');
  return new ApiProblem(404, 'no-such-route', `${method} on this path does nothing; see /openapi.json`);
}

/** RFC 9112 §3.2: what a request with several Host fields is refused with, since whoever else reads it may take the other one. */
export function severalHosts(rawHeaders: readonly string[]): ApiProblem | undefined {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  return hosts > 1 ? new ApiProblem(400, 'malformed-request', 'the request has several Host fields') : undefined;
}

/** What the runtime says of octets that are no request, and what it is answered. */
const REFUSALS: Readonly<Record<string, ApiProblem>> = {
  HPE_HEADER_OVERFLOW: new ApiProblem(431, 'head-too-large', 'the header fields are too large'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: new ApiProblem(413, 'body-too-large', 'the chunk extensions are too large'),
  ERR_HTTP_REQUEST_TIMEOUT: new ApiProblem(408, 'too-slow', 'the request has not arrived in time'),
};
const NO_HTTP = new ApiProblem(400, 'malformed-request', 'the request is malformed');

/** Answers octets that are no request, and closes. `headers` are those of every answer. */
export function refuseUnreadable(headers: Readonly<Record<string, string>>) {
  return (error: ConnectionError, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || socket.destroyed) return;
    // Within an answer that has begun, as one of a stream of events, this would stand as a part of it.
    if (answerUnderWay(socket)?.headersSent === true) {
      socket.destroy(error);
      return;
    }
    const problem = REFUSALS[error.code] ?? NO_HTTP;
    const body = JSON.stringify(problemBody(problem));
    const fields = {
      ...headers,
      'content-type': PROBLEM_TYPE,
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    if (socket.writable)
      socket.write(`HTTP/1.1 ${problem.status} ${problemBody(problem).title}\r\n${lines.join('')}\r\n${body}`);
    socket.destroy(error);
  };
}

/** What is being written on this connection; the runtime looks at the same before an answer of its own. */
function answerUnderWay(socket: Socket): ServerResponse | null | undefined {
  return (socket as Socket & { readonly _httpMessage?: ServerResponse | null })._httpMessage;
}
