import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { type Egress, EgressError } from '../base/egress.ts';

/** What a POST came back with. */
export interface PostResult {
  readonly status: number;
}

/** Posts a body somewhere; rejects when nobody answered. */
export type Post = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  allowPrivate: boolean,
) => Promise<PostResult>;

const REQUEST_TIMEOUT_MS = 10_000;
/** Each webhook posts one delivery at a time, and few have a host in common. */
const MOST_POSTS_TO_A_HOST = 64;
const ANYWHERE: Pick<Egress, 'refusal'> = { refusal: () => undefined };

/**
 * Posts with the address checked at connection time: a name that resolves inward is refused even if it resolved outward a moment
 * before. Redirects are not followed. Who has leave to post anywhere shares no connection with those who have none.
 */
export function guardedPost(egress: Pick<Egress, 'refusal'>): Post {
  const guarded = new GuardedClient(egress, MOST_POSTS_TO_A_HOST);
  const free = new GuardedClient(ANYWHERE, MOST_POSTS_TO_A_HOST);
  return (url, headers, body, allowPrivate) => (allowPrivate ? free : guarded).post(url, headers, body);
}

/** One request over HTTP, and how much of an answer is taken. */
export interface GuardedRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** A longer answer is an error. */
  readonly maxOctets: number;
  readonly timeoutMs: number;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * Asks over connections that stay open; each is guarded when it is made. They are this client's alone: a pool goes by the name of a
 * host, so that whoever shared one would get where only another may go.
 */
export class GuardedClient {
  readonly #egress: Pick<Egress, 'refusal'>;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  constructor(egress: Pick<Egress, 'refusal'>, maxSockets: number) {
    this.#egress = egress;
    const options = { keepAlive: true, maxSockets, timeout: 60_000 };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(options);
  }

  /** Rejects when nobody answered in time, or with too much. Redirects are not followed. */
  ask({ method, url, headers, body, maxOctets, timeoutMs }: GuardedRequest): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const request = this.#begin(method, url, headers, body, timeoutMs);
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        let octets = 0;
        response.on('data', (chunk: Buffer) => {
          octets += chunk.length;
          if (octets > maxOctets) request.destroy(new Error(`the answer has more than ${maxOctets} octets`));
          else chunks.push(chunk);
        });
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
        );
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  /** The status as soon as it is there; what comes after it is of no interest. */
  post(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<PostResult> {
    return new Promise((resolve, reject) => {
      const request = this.#begin('POST', url, headers, body, REQUEST_TIMEOUT_MS);
      request.on('response', (response) => {
        response.on('error', () => undefined).resume();
        resolve({ status: response.statusCode ?? 0 });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  /** Throws an {@link EgressError} for an address that may not be connected to. */
  #begin(
    method: string,
    url: string,
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array | undefined,
    timeoutMs: number,
  ): ClientRequest {
    const target = new URL(url);
    const port = portOf(target);
    const refusal = refusalOf(target, port, this.#egress);
    if (refusal !== undefined) throw new EgressError(refusal);
    const isTls = target.protocol === 'https:';
    return (isTls ? httpsRequest : httpRequest)(target, {
      method,
      agent: isTls ? this.#https : this.#http,
      headers: { ...headers, ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }) },
      lookup: guardedLookup(this.#egress, port),
      signal: AbortSignal.timeout(timeoutMs),
    });
  }
}

function portOf(target: URL): number {
  return Number(target.port || (target.protocol === 'https:' ? 443 : 80));
}

/** An address in a URL is asked about here; what a name resolves to, by the lookup. */
function refusalOf(target: URL, port: number, egress: Pick<Egress, 'refusal'>): string | undefined {
  const host = target.hostname.replace(/^\[|\]$/g, '');
  return isIP(host) === 0 ? undefined : egress.refusal(host, port);
}

function guardedLookup(egress: Pick<Egress, 'refusal'>, port: number): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) {
        callback(error, '', 4);
        return;
      }
      const allowed = addresses.filter(({ address }) => egress.refusal(address, port) === undefined);
      const first = allowed[0];
      if (first === undefined) {
        const reason = egress.refusal(addresses[0]?.address ?? '', port);
        callback(new EgressError(`${hostname}: ${reason}`), '', 4);
      } else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}
