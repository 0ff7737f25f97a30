/** Digest: what a REGISTER or an INVITE pays on the server's side, and an answer to a carrier's challenge on the client's. */
import { bench, do_not_optimize, group, run } from 'mitata';
import { replaceAuthorization } from '../src/sip/auth/digest-client.ts';
import { type DigestAlgorithm, DigestClient, DigestServer } from '../src/sip/auth/index.ts';
import { HeaderId, SipRequest, SipResponse } from '../src/sip/message/index.ts';

const REALM = 'acme.example.com';
const SOURCE = '192.0.2.10';
const URI = 'sip:acme.example.com';
const ACCOUNT = { secret: { password: 's3cret' } };
const clock = { nowMs: () => performance.now(), wallMs: () => Date.now() };
const lookup = (username: string) => (username === 'alice' ? ACCOUNT : undefined);

function request(): SipRequest {
  return new SipRequest('REGISTER', URI);
}

function challengeOf(server: DigestServer): SipResponse {
  const response = new SipResponse(401, 'Unauthorized');
  for (const [id, value] of server.challenge('user', REALM, SOURCE)) response.headers.add(id, value);
  return response;
}

function signed(server: DigestServer, password: string, username = 'alice'): SipRequest {
  const message = request();
  const client = new DigestClient({ username, secret: { password } });
  const answer = client.answer(challengeOf(server), message, 'server', 0);
  if (answer.kind === 'retry') replaceAuthorization(message, answer.headers);
  return message;
}

/** Requests that are each good once, since a count can be taken only once. */
function pool(server: DigestServer, size: number): () => SipRequest {
  const requests: SipRequest[] = [];
  const client = new DigestClient({ username: 'alice', secret: { password: 's3cret' } });
  client.answer(challengeOf(server), request(), 'server', 0);
  const refill = (): void => {
    for (let index = 0; index < size; index++) {
      const message = request();
      for (const [id, value] of client.preemptive(message, 'server')) message.headers.add(id, value);
      requests.push(message);
    }
    requests.reverse();
  };
  return () => {
    if (requests.length === 0) refill();
    return requests.pop() as SipRequest;
  };
}

for (const algorithm of ['MD5', 'SHA-256', 'SHA-512-256'] as const satisfies readonly DigestAlgorithm[]) {
  group(algorithm, () => {
    const server = new DigestServer({ clock, algorithms: [algorithm], nonceLifetimeMs: 3_600_000 });
    bench('server: challenge', () => do_not_optimize(server.challenge('user', REALM, SOURCE)));
    const next = pool(server, 1000);
    // The argument is made outside the measured time.
    bench('server: verify, right password', function* () {
      yield {
        [0]: next,
        bench: (message: SipRequest) => do_not_optimize(server.verify(message, 'user', REALM, SOURCE, lookup)),
      };
    });
    const wrong = signed(server, 'wrong');
    bench('server: verify, wrong password', () => do_not_optimize(server.verify(wrong, 'user', REALM, SOURCE, lookup)));
    const client = new DigestClient({ username: 'alice', secret: { password: 's3cret' } });
    const challenge = challengeOf(server);
    const plain = request();
    bench('client: answer a challenge', () => do_not_optimize(client.answer(challenge, plain, 'server', 0)));
    bench('client: use a nonce again', () => do_not_optimize(client.preemptive(plain, 'server')));
  });
}

const check = new DigestServer({ clock });
const verdict = check.verify(signed(check, 's3cret'), 'user', REALM, SOURCE, lookup);
if (verdict.outcome !== 'accepted') throw new Error(`the benchmark measures refusals: ${verdict.reason}`);
if (request().headers.has(HeaderId.Authorization)) throw new Error('the benchmark reuses headers');
await run();
