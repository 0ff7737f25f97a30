import { HeaderId } from './header-id.ts';
import type { Headers } from './headers.ts';
import { type SipRequest, SipResponse } from './message.ts';
import { withoutEmptyTag } from './name-addr.ts';
import { reasonPhrase } from './reason-phrase.ts';

export interface ResponseOptions {
  /** Added to To when the request has no To tag and the status is above 100 (RFC 3261 §8.2.6.2). */
  readonly toTag?: string | undefined;
  /** The To with its tag, where the dialog has it. */
  readonly to?: string;
  readonly headers?: readonly (readonly [HeaderId, string])[] | undefined;
  readonly body?: string;
  readonly contentType?: string;
  /** About how many fields it will have in the end. */
  readonly room?: number;
}

/** Via, From, To, Call-ID, CSeq and one more. */
const USUAL_ROOM = 6;

/** A response to `request` (RFC 3261 §8.2.6): Via, From, To, Call-ID and CSeq are the request's own octets. */
export function createResponse(
  request: SipRequest,
  status: number,
  reason = reasonPhrase(status),
  options: ResponseOptions = {},
): SipResponse {
  const from = request.headers;
  const response = new SipResponse(status, reason, options.body, options.room ?? USUAL_ROOM, from.source);
  const headers = response.headers;
  headers.takeAll(from, HeaderId.Via);
  headers.takeFirst(from, HeaderId.From);
  if (options.to === undefined) addTo(request, headers, status, options.toTag);
  else headers.add(HeaderId.To, options.to);
  headers.takeFirst(from, HeaderId.CallId);
  headers.takeFirst(from, HeaderId.CSeq);
  // §8.2.6.1: a 100 carries the request's Timestamp.
  if (status === 100) headers.takeFirst(from, HeaderId.Timestamp);
  if (options.headers !== undefined) for (const [id, value] of options.headers) headers.add(id, value);
  if (options.contentType !== undefined) headers.add(HeaderId.ContentType, options.contentType);
  return response;
}

function addTo(request: SipRequest, headers: Headers, status: number, tag: string | undefined): void {
  const isNew = tag !== undefined && status > 100 && !hasToTag(request);
  const value = isNew ? request.headers.value(HeaderId.To) : undefined;
  if (value === undefined) headers.takeFirst(request.headers, HeaderId.To);
  else headers.add(HeaderId.To, `${withoutEmptyTag(value)};tag=${tag}`);
}

/** Whether answers have the To of the request: one that cannot be read is answered as it is. */
export function hasToTag(request: SipRequest): boolean {
  try {
    return request.toTag() !== undefined;
  } catch {
    return true;
  }
}
