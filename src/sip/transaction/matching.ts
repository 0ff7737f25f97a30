import { BRANCH_COOKIE } from '../../base/ids.ts';
import { formatVia, type SipRequest } from '../message/index.ts';

/**
 * The key under which a request finds its server transaction (RFC 3261 §17.2.3). An ACK has the key of its INVITE, a CANCEL its own.
 *
 * With the magic cookie: branch, sent-by and method. Without it (RFC 2543 peers): Request-URI, From tag, Call-ID, CSeq number, top Via
 * and method; the To tag is compared by the layer, since an ACK carries the response's and an INVITE the request's.
 */
export function serverKey(request: SipRequest): string {
  return keyFor(request, request.method === 'ACK' ? 'INVITE' : request.method);
}

/** The key of the INVITE that a CANCEL means (§9.2: the same comparison, as if the method were the cancelled one). */
export function cancelledKey(cancel: SipRequest): string {
  return keyFor(cancel, 'INVITE');
}

/** True for a branch made by RFC 3261's rules: the cookie and something after it. */
export function hasCookie(branch: string): boolean {
  return branch.length > BRANCH_COOKIE.length && branch.startsWith(BRANCH_COOKIE);
}

function keyFor(request: SipRequest, method: string): string {
  const via = request.topVia();
  const branch = via.branch ?? '';
  if (hasCookie(branch)) return `${branch} ${via.host.toLowerCase()} ${via.port ?? ''} ${method}`;
  const { sequence } = request.cseq();
  return `${request.requestUri} ${request.callId()} ${request.fromTag() ?? ''} ${sequence} ${formatVia(via)} ${method}`;
}

/**
 * What two copies of one request that arrived over different paths have in common (§8.2.2.2): From tag, Call-ID and CSeq. Empty
 * when the rule does not apply, which is inside a dialog and for ACK and CANCEL.
 */
export function mergeKey(request: SipRequest): string {
  const { method } = request;
  if (method === 'ACK' || method === 'CANCEL' || request.toTag() !== undefined) return '';
  return `${request.callId()} ${request.fromTag() ?? ''} ${request.cseq().sequence} ${method}`;
}
