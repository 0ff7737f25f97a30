import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
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
const ANYWHERE: Pick<Egress, 'refusal'> = { refusal: () => undefined };
/**
 * Posts with the address checked at connection time: a name that resolves inward is refused even if it resolved outward a moment
 * before. Redirects are not followed.
 */
export function guardedPost(egress: Pick<Egress, 'refusal'>): Post {
  return (url, headers, body, allowPrivate) => post(url, headers, body, allowPrivate ? ANYWHERE : egress);
}

function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  egress: Pick<Egress, 'refusal'>,
): Promise<PostResult> {
  return new Promise((resolve, reject) => {
    const target = new URL(url);
    const host = target.hostname.replace(/^\[|\]$/g, '');
    const port = Number(target.port || (target.protocol === 'https:' ? 443 : 80));
    const refusal = isIP(host) === 0 ? undefined : egress.refusal(host, port);
    if (refusal !== undefined) {
      reject(new EgressError(refusal));
      return;
    }
    const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = send(
      target,
      {
        method: 'POST',
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        lookup: guardedLookup(egress, port),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      },
      (response) => {
        response.resume();
        resolve({ status: response.statusCode ?? 0 });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
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
