/**
 * The HTTP interface of a node with workers: one port, behind which each worker has its own. What all of them share (what is provisioned,
 * registrations, tokens) any of them answers; what each has by itself is asked of all, and one answer made of theirs.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import {
  guardConnections,
  guardingHeaders,
  type KeyPairOctets,
  refuseUnreadable,
  secured,
  severalHosts,
  timeoutCheckMs,
} from '../api/index.ts';
import type { Log } from '../base/log.ts';
import { isAmong } from '../base/network.ts';
import type { Answered } from '../observe/index.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import { type Backend, begin, headOf, type PassedRequest } from './backends.ts';
import { mergeEvents } from './event-streams.ts';
import { fanOut, isReload, NOBODY, named, refusalOf } from './fan-out.ts';

export interface FrontOptions {
  readonly settings: NodeSettings;
  readonly tls: KeyPairOctets | undefined;
  readonly log: Log;
  /** The workers that serve, in their order. */
  readonly backends: () => readonly Backend[];
  /** All workers have read the files again. */
  readonly onReloaded?: () => void;
}

export class Front {
  readonly #options: FrontOptions;
  readonly #server: Server | TlsServer;
  readonly #isProxy: (address: string) => boolean;
  /** Of the answers that no worker has made. */
  readonly #guarding: Readonly<Record<string, string>>;

  constructor(options: FrontOptions) {
    this.#options = options;
    const { requestTimeoutMs, connections, trustedProxies } = options.settings.api;
    const waits = {
      headersTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: timeoutCheckMs(requestTimeoutMs),
    };
    const serve = (request: IncomingMessage, reply: ServerResponse) => void this.#serve(request, reply);
    this.#server =
      options.tls === undefined
        ? createServer(waits, serve)
        : createTlsServer({ ...waits, handshakeTimeout: requestTimeoutMs, ...secured(options.tls) }, serve);
    this.#guarding = guardingHeaders(options.tls !== undefined);
    this.#server.on('clientError', refuseUnreadable(this.#guarding));
    this.#isProxy = isAmong(trustedProxies);
    guardConnections(this.#server, connections, this.#isProxy, options.log);
  }

  /** Returns the address that it listens on. Rejects with the runtime's error. */
  listen(host: string, port: number): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        const bound = this.#server.address();
        const at = bound !== null && typeof bound === 'object' ? bound.port : port;
        const scheme = this.#options.tls === undefined ? 'http' : 'https';
        resolve(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${at}`);
      });
    });
  }

  /** New connections see this certificate. Throws when the pair does not fit; does nothing without TLS. */
  renewCertificate(pair: KeyPairOctets): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext(secured(pair));
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    // A worker is shown the first one alone.
    const problem = severalHosts(request.rawHeaders);
    if (problem !== undefined) {
      const { headers, ...rest } = refusalOf(problem);
      return send(reply, { ...rest, headers: { ...headers, ...this.#guarding } });
    }
    const asked = this.#askedBy(request);
    const { node, store, api } = this.#options.settings;
    // Workers on one Redis are nodes to each other, and each answers for all of them.
    const nodesAsk = store.kind === 'redis';
    const all = this.#options.backends();
    const backends = nodesAsk ? all : named(all, asked, node);
    try {
      const [first] = backends;
      if (first === undefined) return send(reply, NOBODY);
      if (!nodesAsk && asked.method === 'GET' && asked.url.split('?', 1)[0] === '/api/v1/events')
        return await mergeEvents(backends, asked, reply);
      const make = fanOut(asked.method === 'HEAD' ? { ...asked, method: 'GET' } : asked, nodesAsk);
      if (make === undefined) return await pass(first, asked, request, reply);
      const readBody = () => bodyOf(request, api.bodyBytes);
      const answered = await make(backends, asked.method === 'HEAD' ? { ...asked, method: 'GET' } : asked, readBody);
      if (isReload(asked) && answered.status < 400) this.#options.onReloaded?.();
      send(reply, answered);
    } catch (error) {
      // A worker that ends takes the requests along that it had.
      this.#options.log.warn('request-lost', { method: asked.method, error: String(error) });
      if (reply.headersSent) reply.destroy();
      else send(reply, NOBODY);
    }
  }

  #askedBy({ method = 'GET', url = '/', headers, socket }: IncomingMessage): PassedRequest {
    const { remoteAddress = '' } = socket;
    // What others than a trusted proxy say of whom they speak for, and how they were asked, is not passed on.
    const { 'x-forwarded-for': said, 'x-forwarded-proto': protocol, 'x-forwarded-host': host, ...own } = headers;
    const isProxy = this.#isProxy(remoteAddress);
    const forwarded = isProxy && said !== undefined ? `${said}, ${remoteAddress}` : remoteAddress;
    // The worker is asked in clear text: without this a browser's session cookie would not be for HTTPS alone.
    const scheme = (isProxy ? protocol : undefined) ?? (this.#options.tls === undefined ? undefined : 'https');
    return {
      method,
      url,
      headers: {
        ...own,
        'x-forwarded-for': forwarded,
        ...(scheme !== undefined && { 'x-forwarded-proto': scheme }),
        ...(isProxy && host !== undefined && { 'x-forwarded-host': host }),
      },
    };
  }
}

async function pass(
  backend: Backend,
  asked: PassedRequest,
  request: IncomingMessage,
  reply: ServerResponse,
): Promise<void> {
  const answer = await begin(backend, asked, { body: request });
  // Whoever asked has left meanwhile.
  if (reply.destroyed) {
    answer.destroy();
    return;
  }
  reply.on('close', () => answer.destroy());
  reply.writeHead(answer.statusCode ?? 502, headOf(reply, answer.headers));
  answer.on('error', () => reply.destroy());
  answer.pipe(reply);
}

/** The whole body; undefined when it is longer than that. Rejects when who asks is gone before all is there. */
async function bodyOf(request: IncomingMessage, mostOctets: number): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let octets = Number(request.headers['content-length'] ?? 0);
  if (octets > mostOctets) return undefined;
  octets = 0;
  // The answer leaves on the connection that would be closed else.
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    octets += part.length;
    if (octets > mostOctets) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function send(reply: ServerResponse, { status, headers, body }: Answered): void {
  reply.writeHead(status, { ...headOf(reply, headers), 'content-length': body.length });
  reply.end(reply.req.method === 'HEAD' ? undefined : body);
}
