import { ADDRCONFIG } from 'node:dns';
import { lookup } from 'node:dns/promises';
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
  owner?: string,
) => Promise<PostResult>;

/** Addresses of a host, best first; rejects when there are none, or nobody could be asked. `owner`: who wants to know. */
export type AddressesOf = (host: string, port: number, owner: string) => Promise<readonly string[]>;

const REQUEST_TIMEOUT_MS = 10_000;
const MAX_IDLE = 16;
const ANYWHERE: Pick<Egress, 'refusal'> = { refusal: () => undefined };

/**
 * As the machine has it, with its search domains. It looks up two names at a time and the next ones when their servers have answered or
 * been given up, so it is not for names that tenants choose: a few whose servers are silent would hold up everybody's.
 */
const bySystem: AddressesOf = async (host) => {
  const found = await lookup(host, { all: true, hints: ADDRCONFIG });
  return found.map(({ address }) => address);
};

/**
 * Posts with the address checked at connection time: a name that resolves inward is refused even if it resolved outward a moment
 * before. Redirects are not followed. Who has leave to post anywhere shares no connection with those who have none. Whoever posts bounds
 * how many are under way: a bound by host would let one tenant hold up the others that have theirs there.
 */
export function guardedPost(egress: Pick<Egress, 'refusal'>, addressesOf: AddressesOf = bySystem): Post {
  const guarded = new GuardedClient(egress, addressesOf);
  const free = new GuardedClient(ANYWHERE);
  return (url, headers, body, allowPrivate, owner = '') =>
    (allowPrivate ? free : guarded).post(url, headers, body, owner);
}

/** One request over HTTP, and how much of an answer is taken. */
export interface GuardedRequest {
  /** In whose name its host is looked up. */
  readonly owner: string;
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
  readonly #addressesOf: AddressesOf;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  /** @param maxSockets to one host; further requests wait. Default: any number, for whoever bounds what it asks itself */
  constructor(egress: Pick<Egress, 'refusal'>, addressesOf: AddressesOf = bySystem, maxSockets = Infinity) {
    this.#egress = egress;
    this.#addressesOf = addressesOf;
    const options = { keepAlive: true, maxSockets, timeout: 60_000 };
    this.#http = withFewIdle(new HttpAgent(options));
    this.#https = withFewIdle(new HttpsAgent(options));
  }

  /** Rejects when nobody answered in time, or with too much. Redirects are not followed. */
  ask({ owner, method, url, headers, body, maxOctets, timeoutMs }: GuardedRequest): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const request = this.#begin(method, url, headers, body, timeoutMs, owner);
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

  /** The status, when its connection is free again; what comes after it is of no interest. */
  post(url: string, headers: Readonly<Record<string, string>>, body: string, owner: string): Promise<PostResult> {
    return new Promise((resolve, reject) => {
      const request = this.#begin('POST', url, headers, body, REQUEST_TIMEOUT_MS, owner);
      request.on('response', (response) => {
        response.on('error', () => undefined).resume();
        response.on('close', () => resolve({ status: response.statusCode ?? 0 }));
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
    owner: string,
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
      lookup: guardedLookup(this.#egress, port, (host, at) => this.#addressesOf(host, at, owner)),
      signal: AbortSignal.timeout(timeoutMs),
    });
  }
}

/** Names of hosts are chosen by tenants: of all together no more connections stay open that nobody uses. */
function withFewIdle<T extends HttpAgent>(agent: T): T {
  const keep = agent.keepSocketAlive.bind(agent);
  agent.keepSocketAlive = (socket) => {
    const idle = Object.values(agent.freeSockets).reduce((sum, sockets = []) => sum + sockets.length, 0);
    return idle < MAX_IDLE && keep(socket);
  };
  return agent;
}

function portOf(target: URL): number {
  return Number(target.port || (target.protocol === 'https:' ? 443 : 80));
}

/** An address in a URL is asked about here; what a name resolves to, by the lookup. */
function refusalOf(target: URL, port: number, egress: Pick<Egress, 'refusal'>): string | undefined {
  const host = target.hostname.replace(/^\[|\]$/g, '');
  return isIP(host) === 0 ? undefined : egress.refusal(host, port);
}

function guardedLookup(
  egress: Pick<Egress, 'refusal'>,
  port: number,
  addressesOf: (host: string, port: number) => Promise<readonly string[]>,
): LookupFunction {
  return (hostname, { all }, callback) => {
    addressesOf(hostname, port).then(
      (addresses) => {
        const allowed = addresses.filter((address) => egress.refusal(address, port) === undefined);
        const [first] = allowed;
        if (first === undefined) {
          const reason = egress.refusal(addresses[0] ?? '', port);
          callback(new EgressError(`${hostname}: ${reason}`), '', 4);
        } else if (all === true)
          callback(
            null,
            allowed.map((address) => ({ address, family: isIP(address) })),
          );
        else callback(null, first, isIP(first));
      },
      (error: Error) => callback(error, '', 4),
    );
  };
}
