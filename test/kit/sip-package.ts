import { createRequire } from 'node:module';
import { freePort } from './free-port.ts';

/** A message as the npm package `sip` represents it, as far as the tests look at it. */
export interface SipPackageMessage {
  method?: string;
  status?: number;
  reason?: string;
  uri?: string;
  headers: Record<string, unknown> & {
    to: { name?: string; uri: string; params: Record<string, string | null> };
    from: { name?: string; uri: string; params: Record<string, string | null> };
    cseq: { method: string; seq: number };
    contact?: { uri: string }[];
    'call-id': string;
    via?: unknown[];
  };
  content?: string;
}

interface SipPackage {
  create(options: object, onRequest: (request: SipPackageMessage) => void): Stack;
  makeResponse(request: SipPackageMessage, status: number, reason: string): SipPackageMessage;
}

interface Stack {
  send(message: SipPackageMessage, onResponse?: (response: SipPackageMessage) => void): void;
  destroy(): void;
}

interface Digest {
  signRequest(
    context: object,
    request: SipPackageMessage,
    challenge: SipPackageMessage,
    credentials: { user: string; password: string },
  ): void;
}

const require = createRequire(import.meta.url);
const sip = require('sip') as SipPackage;
const digest = require('sip/digest') as Digest;

/** Answers a request; null: no answer now (ACK, or one that comes later). */
export type Handler = (request: SipPackageMessage, respond: Responder) => void;
export type Responder = (status: number, reason: string, change?: (response: SipPackageMessage) => void) => void;

/** An endpoint on the npm package `sip`: a stack that shares no line with ours. */
export interface SipPackagePeer {
  readonly port: number;
  /** Every request received, in order. */
  readonly requests: readonly SipPackageMessage[];
  /** Sends a request and waits for its final response; answers one challenge when it has credentials. */
  ask(
    request: SipPackageMessage,
    credentials?: { readonly user: string; readonly password: string },
  ): Promise<{ readonly final: SipPackageMessage; readonly statuses: readonly number[] }>;
  /** An ACK, which has no response. */
  send(request: SipPackageMessage): void;
  close(): void;
}

export async function openSipPackagePeer(onRequest: Handler): Promise<SipPackagePeer> {
  const port = await freePort();
  const requests: SipPackageMessage[] = [];
  // The package takes a peer on its own host name for itself, so the name it goes by is not the loopback address that all share here.
  const options = { port, address: '127.0.0.1', publicAddress: 'peer.invalid', tcp: false, logger: { error() {} } };
  const stack = sip.create(options, (request) => {
    requests.push(request);
    onRequest(request, (status, reason, change) => {
      const response = sip.makeResponse(request, status, reason);
      change?.(response);
      stack.send(response);
    });
  });
  const transact = (request: SipPackageMessage, statuses: number[]) =>
    new Promise<SipPackageMessage>((resolve) => {
      stack.send({ ...request, headers: { ...request.headers, via: [] } }, (response) => {
        statuses.push(response.status ?? 0);
        if ((response.status ?? 0) >= 200) resolve(response);
      });
    });
  return {
    port,
    requests,
    async ask(request, credentials) {
      const statuses: number[] = [];
      const first = await transact(request, statuses);
      if (credentials === undefined || (first.status !== 401 && first.status !== 407))
        return { final: first, statuses };
      digest.signRequest({}, request, first, credentials);
      request.headers.cseq.seq++;
      return { final: await transact(request, statuses), statuses };
    },
    send: (request) => stack.send({ ...request, headers: { ...request.headers, via: [] } }),
    close: () => stack.destroy(),
  };
}
