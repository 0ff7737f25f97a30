import { replaceAuthorization } from '../../../src/sip/auth/digest-client.ts';
import {
  DigestClient,
  type DigestCredentials,
  DigestServer,
  type DigestServerOptions,
  type DigestVerdict,
} from '../../../src/sip/auth/index.ts';
import { HeaderId, SipRequest, SipResponse } from '../../../src/sip/message/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

export const REALM = 'acme.example.com';
export const SOURCE = '192.0.2.10';
export const ALICE = { name: 'Alice', secret: { password: 's3cret' } };

export function request(method = 'REGISTER', uri = `sip:${REALM}`, body = ''): SipRequest {
  return new SipRequest(method, uri, body);
}

/** A server with one account, and what a client of it needs. */
export function authWorld(options: Partial<DigestServerOptions> = {}) {
  const clock = new VirtualScheduler();
  const server = new DigestServer({ clock, ...options });
  const lookup = (username: string) => (username === 'alice' ? ALICE : undefined);
  const verify = (message: SipRequest, source = SOURCE, realm = REALM): DigestVerdict<typeof ALICE> =>
    server.verify(message, 'user', realm, source, lookup);
  return { clock, server, verify };
}

export function clientFor(password = 's3cret', credentials: Partial<DigestCredentials> = {}): DigestClient {
  return new DigestClient({ username: 'alice', secret: { password }, ...credentials });
}

export function challengeResponse(headers: readonly [HeaderId, string][], status = 401): SipResponse {
  const response = new SipResponse(status, 'Unauthorized');
  for (const [id, value] of headers) response.headers.add(id, value);
  return response;
}

/** Puts into `message` the answer of `client` to these challenges. */
export function authorize(message: SipRequest, headers: [HeaderId, string][], client = clientFor()): SipRequest {
  const answer = client.answer(challengeResponse(headers), message, 'server', 0);
  if (answer.kind !== 'retry') throw new Error(`gave up: ${answer.reason}`);
  replaceAuthorization(message, answer.headers);
  return message;
}

/** Changes one directive of the request's Authorization. */
export function tamper(message: SipRequest, change: (value: string) => string): SipRequest {
  message.headers.set(HeaderId.Authorization, change(message.headers.value(HeaderId.Authorization) ?? ''));
  return message;
}

export function reasonOf(verdict: DigestVerdict<unknown>): string {
  return verdict.outcome === 'accepted' ? 'accepted' : verdict.reason;
}
