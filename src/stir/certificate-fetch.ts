/** Fetches what `x5u` names: https with every limit. The address is checked at the moment of connecting, of each redirect again. */

import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import { type Egress, EgressError } from '../base/egress.ts';
import { sourceOf } from '../base/source.ts';
import type { HostPort } from '../base/transport.ts';
import { certificateUrl } from './certificate-url.ts';
import { type Freshness, freshnessOf } from './http-freshness.ts';

export interface FetchedFile extends Freshness {
  readonly octets: Buffer;
}

/** Fetches, for a tenant's call; rejects with an Error that says why not. Ends when the signal does. */
export type CertificateFetch = (url: URL, signal: AbortSignal, tenant?: string) => Promise<FetchedFile>;

export interface CertificateFetchOptions {
  /** Longest answer, octets. */
  readonly maxOctets: number;
  /** Which addresses may be connected to. */
  readonly egress: Pick<Egress, 'refusal'>;
  /** Addresses of a host, best first; rejects when there are none. */
  readonly addressesOf: (host: string, port: number, owner: string) => Promise<readonly string[]>;
  /** What this engine serves itself: it asks itself nothing over the network. */
  readonly own: OwnFiles;
  /** Certificates, in PEM, of the authorities that may have signed that of the server; default: the system's. */
  readonly authorities?: readonly string[] | undefined;
  /** What a client says that it can read; default: certificates (RFC 8226 §7, RFC 8555 §9.1). */
  readonly accept?: string;
}

export interface OwnFiles {
  /** Whether this engine itself listens there. */
  readonly isAt: (address: string, port: number) => boolean;
  /** What it serves under a path. */
  readonly file: (path: string) => string | undefined;
}

/** How soon a file of its own is looked at again: it may have been renewed. */
const OWN_MS = 10_000;
const CERTIFICATES = 'application/pem-certificate-chain, application/pkix-cert, application/x-pem-file, */*;q=0.1';
const MAX_REDIRECTS = 3;
const MAX_HEADER_OCTETS = 16_384;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export function certificateFetch(options: CertificateFetchOptions): CertificateFetch {
  const { authorities, accept = CERTIFICATES } = options;
  // Made once: reading all authorities takes longer than a fetch.
  let context: SecureContext | undefined;
  const secureContext = () => {
    if (authorities !== undefined) context ??= createSecureContext({ ca: [...authorities] });
    return context;
  };
  return async (url, signal, tenant = '') => {
    let at = url;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const { host, port } = placeOf(at);
      // Callers name hosts, so what the tenant itself has looked up does not wait for these.
      const addresses = isIP(host) === 0 ? await options.addressesOf(host, port, sourceOf(tenant, 'callers')) : [host];
      signal.throwIfAborted();
      const own = addresses.some((address) => options.own.isAt(address, port)) && options.own.file(at.pathname);
      if (typeof own === 'string') return { octets: Buffer.from(own), freshMs: OWN_MS, mayBeStale: false };
      const allowed = allowedOf(addresses, host, port, options.egress);
      const response = await answerOf(at, signal, allowed, accept, secureContext());
      const status = response.statusCode ?? 0;
      if (!REDIRECTS.has(status)) return await fileOf(response, status, options.maxOctets);
      response.destroy();
      at = redirected(at, response.headers.location);
    }
    throw new Error(`${MAX_REDIRECTS} redirects and no end`);
  };
}

function redirected(from: URL, location: string | undefined): URL {
  if (location === undefined || !URL.canParse(location, from)) throw new Error('a redirect to nowhere');
  const to = certificateUrl(new URL(location, from).href);
  if (typeof to === 'string') throw new Error(`a redirect to a URL that ${to}`);
  return to;
}

function placeOf({ hostname, port }: URL): HostPort {
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 443 : Number(port) };
}

/** The name is looked up once, and what was checked is what is connected to. */
function allowedOf(
  addresses: readonly string[],
  host: string,
  port: number,
  egress: CertificateFetchOptions['egress'],
): readonly string[] {
  const refusals = addresses.map((address) => egress.refusal(address, port));
  const allowed = addresses.filter((_, index) => refusals[index] === undefined);
  if (allowed.length === 0) throw new EgressError(refusals[0] ?? `${host} has no address`);
  return allowed;
}

async function answerOf(
  url: URL,
  signal: AbortSignal,
  allowed: readonly string[],
  accept: string,
  secureContext: SecureContext | undefined,
): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    const request = httpsRequest(
      url,
      {
        agent: false,
        headers: { accept, 'user-agent': 'tandem', 'accept-encoding': 'identity' },
        lookup: fixedLookup(allowed),
        maxHeaderSize: MAX_HEADER_OCTETS,
        signal,
        ...(secureContext !== undefined && { secureContext }),
      },
      resolve,
    );
    request.on('error', reject);
    request.end();
  });
}

function fixedLookup(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, { all }, callback) => {
    const [first] = found;
    if (all === true) callback(null, found);
    else callback(null, first?.address ?? '', first?.family);
  };
}

async function fileOf(response: IncomingMessage, status: number, maxOctets: number): Promise<FetchedFile> {
  const tooLong = () => new Error(`the answer is longer than ${maxOctets} octets`);
  try {
    if (status !== 200) throw new Error(`the answer is ${status}`);
    if (Number(response.headers['content-length'] ?? 0) > maxOctets) throw tooLong();
    const parts: Buffer[] = [];
    let length = 0;
    for await (const part of response as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > maxOctets) throw tooLong();
      parts.push(part);
    }
    return { ...freshnessOf(response.headers), octets: Buffer.concat(parts) };
  } finally {
    response.destroy();
  }
}
