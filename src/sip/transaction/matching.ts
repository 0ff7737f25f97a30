import { BRANCH_COOKIE } from '../../base/ids.ts';
import { secretHash } from '../../base/shelf.ts';
import { formatVia, type SipRequest } from '../message/index.ts';

/**
 * The key under which server transactions are kept: the branch, which those of other peers and methods may share. Of an RFC 2543 peer,
 * whose branch says nothing: Request-URI, From tag, Call-ID, CSeq number, top Via and method; the To tag is compared by the layer, since
 * an ACK carries the response's and an INVITE the request's.
 */
export function serverKey(request: SipRequest, method: string): string {
  const via = request.topVia();
  if (hasCookie(via.branch)) return via.branch;
  const { sequence } = request.cseq();
  return `${request.requestUri} ${request.callId()} ${request.fromTag() ?? ''} ${sequence} ${formatVia(via)} ${method}`;
}

/**
 * 32 bits of Call-ID and CSeq number, which a copy has, too. DEVIATION: for §17.2.3 requests of one branch are copies; some clients give one
 * to all requests of a dialog, or of their life.
 */
export function copyMark(request: SipRequest): number {
  return (secretHash(request.callId()) + request.cseq().sequence) | 0;
}

/** 32 bits of key and Call-ID, of a request with this mark. */
export function keyHash(request: SipRequest, key: string, mark: number): number {
  return secretHash(key) ^ (mark - request.cseq().sequence);
}

/** True for a branch made by RFC 3261's rules: the cookie and something after it. */
export function hasCookie(branch: string): boolean {
  return branch.length > BRANCH_COOKIE.length && branch.startsWith(BRANCH_COOKIE);
}
