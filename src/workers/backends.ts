/** Requests to the workers' HTTP interfaces, over the sockets where they take them. */
import {
  Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type ServerResponse,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import { endsEarly } from '../api/index.ts';
import type { Answered } from '../observe/index.ts';

export interface Backend {
  /** From 1. */
  readonly worker: number;
  readonly socket: string;
}

/** What came to the shared port, as it is passed on. */
export interface PassedRequest {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** Fields of one connection (RFC 9110 §7.6.1): each side makes its own. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const agent = new Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 32 });

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}

/** The fields of an answer as they leave this node; to be asked right before they do. */
export function headOf(reply: ServerResponse, headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return { ...endToEnd(headers), ...(endsEarly(reply.req) && { connection: 'close' }) };
}

export interface BeginOptions {
  /** What is still to come of who asks is passed on as it comes. */
  readonly body?: IncomingMessage | Buffer;
  /** How long nothing may come before the worker counts as silent, ms; default: for ever. */
  readonly silentMs?: number;
  /** The same until the worker has been given the whole body; default: `silentMs`. */
  readonly takesMs?: number;
}

/**
 * Begins a request; its answer comes with its body still to be read. Rejects when the worker cannot be reached or is silent; one that
 * falls silent within the body ends it with an error.
 */
export function begin(
  { worker, socket }: Backend,
  { method, url, headers }: PassedRequest,
  { body, silentMs, takesMs = silentMs }: BeginOptions = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: socket, method, path: url, headers: endToEnd(headers), agent });
    if (takesMs !== undefined)
      outgoing.setTimeout(takesMs, () => outgoing.destroy(new Error(`worker ${worker} is silent`)));
    outgoing.on('response', resolve);
    outgoing.on('error', reject);
    if (body === undefined || Buffer.isBuffer(body)) {
      outgoing.end(body, () => {
        if (silentMs !== undefined && silentMs !== takesMs) outgoing.setTimeout(silentMs);
      });
      return;
    }
    body.on('close', () => {
      // Who asked is gone before everything was said.
      if (!body.complete) outgoing.destroy();
    });
    body.pipe(outgoing);
  });
}

/** The whole answer to a request, by default one without a body. Rejects when the worker says nothing for `silentMs`. */
export async function ask(
  backend: Backend,
  asked: PassedRequest,
  silentMs: number,
  given?: { readonly body: Buffer; readonly takesMs: number },
): Promise<Answered> {
  const { 'content-length': _length, 'content-type': type, expect: _expect, ...rest } = asked.headers;
  const ofBody = given && {
    'content-length': String(given.body.length),
    ...(type !== undefined && { 'content-type': type }),
  };
  const response = await begin(backend, { ...asked, headers: { ...rest, ...ofBody } }, { silentMs, ...given });
  return { status: response.statusCode ?? 502, headers: response.headers, body: await buffer(response) };
}
