import { type DigestAlgorithm, digestOf } from './algorithms.ts';

export type Qop = 'auth' | 'auth-int';

/** The values that go into a `response` beside H(A1); octets as latin1 strings. */
export interface DigestInput {
  readonly algorithm: DigestAlgorithm;
  readonly method: string;
  readonly uri: string;
  readonly nonce: string;
  /** Undefined: the response of RFC 2069, which a client still owes to a server that sends no qop (RFC 3261 §22.4). */
  readonly qop: Qop | undefined;
  /** Eight hexadecimal digits. */
  readonly nc: string;
  readonly cnonce: string;
  readonly body: string;
}

/** The `response` of RFC 7616 §3.4.1: KD(H(A1), nonce:nc:cnonce:qop:H(A2)). */
export function digestResponse(ha1: string, input: DigestInput): string {
  const ha2 = hashOfA2(input);
  const { algorithm, nonce, nc, cnonce, qop } = input;
  if (qop === undefined) return digestOf(algorithm, `${ha1}:${nonce}:${ha2}`);
  return digestOf(algorithm, `${ha1}:${nonce}:${nc}:${cnonce}:${qop}:${ha2}`);
}

/** RFC 7616 §3.4.3. A message without a body has the hash of the empty string as its body hash (RFC 8760 §2.6 item 7). */
function hashOfA2({ algorithm, method, uri, qop, body }: DigestInput): string {
  if (qop !== 'auth-int') return digestOf(algorithm, `${method}:${uri}`);
  return digestOf(algorithm, `${method}:${uri}:${digestOf(algorithm, body)}`);
}
