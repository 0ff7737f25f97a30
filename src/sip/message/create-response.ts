import { HeaderId } from './header-id.ts';
import { Headers } from './headers.ts';
import { type SipRequest, SipResponse } from './message.ts';
import { withoutEmptyTag } from './name-addr.ts';
import { reasonPhrase } from './reason-phrase.ts';

export interface ResponseOptions {
  /** Added to To when the request has no To tag and the status is above 100 (RFC 3261 §8.2.6.2). */
  readonly toTag?: string;
  readonly headers?: readonly (readonly [HeaderId, string])[];
  readonly body?: string;
  readonly contentType?: string;
}

/** A response to `request` (RFC 3261 §8.2.6): Via, From, To, Call-ID and CSeq are the request's own octets. */
export function createResponse(
  request: SipRequest,
  status: number,
  reason = reasonPhrase(status),
  options: ResponseOptions = {},
): SipResponse {
  const headers = new Headers();
  for (const via of request.headers.fieldValues(HeaderId.Via)) headers.add(HeaderId.Via, via);
  copy(request.headers, headers, HeaderId.From);
  addTo(request, headers, status, options.toTag);
  copy(request.headers, headers, HeaderId.CallId);
  copy(request.headers, headers, HeaderId.CSeq);
  // §8.2.6.1: a 100 carries the request's Timestamp.
  if (status === 100) copy(request.headers, headers, HeaderId.Timestamp);
  if (options.headers !== undefined) for (const [id, value] of options.headers) headers.add(id, value);
  if (options.contentType !== undefined) headers.add(HeaderId.ContentType, options.contentType);
  return new SipResponse(status, reason, headers, options.body ?? '');
}

function copy(from: Headers, to: Headers, id: HeaderId): void {
  const value = from.value(id);
  if (value !== undefined) to.add(id, value);
}

function addTo(request: SipRequest, headers: Headers, status: number, tag: string | undefined): void {
  const value = request.headers.value(HeaderId.To);
  if (value === undefined) return;
  const isNew = tag !== undefined && status > 100 && !hasTag(request);
  headers.add(HeaderId.To, isNew ? `${withoutEmptyTag(value)};tag=${tag}` : value);
}

/** A To that cannot be read is answered as it is. */
function hasTag(request: SipRequest): boolean {
  try {
    return request.toTag() !== undefined;
  } catch {
    return true;
  }
}
