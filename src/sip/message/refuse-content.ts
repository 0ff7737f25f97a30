import { PeerError } from '../../base/errors.ts';
import { accepts, parseAccept, parseMediaType } from './fields/media-type.ts';
import { parseTokenParams } from './fields/token-params.ts';
import { HeaderId } from './header-id.ts';
import type { SipRequest } from './message.ts';
import { reasonPhrase } from './reason-phrase.ts';
import type { Refusal } from './validate.ts';

/**
 * The response owed for a body that nobody here can read: 415 with what can be (RFC 3261 §8.2.3), or 406 when the sender of an INVITE
 * accepts no session description back (§21.4.7). `types` are the media types served, lower case, e.g. `application/sdp`.
 */
export function refuseContent(request: SipRequest, types: readonly string[]): Refusal | undefined {
  try {
    return unreadable(request, types) ?? unanswerable(request);
  } catch (error) {
    if (error instanceof PeerError) return { status: 400, reason: 'Malformed Content Header Field', headers: [] };
    throw error;
  }
}

function unreadable(request: SipRequest, types: readonly string[]): Refusal | undefined {
  if (request.body.length === 0 || isOptional(request)) return undefined;
  const encoding = request.headers.value(HeaderId.ContentEncoding)?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity')
    return { status: 415, reason: reasonPhrase(415), headers: [[HeaderId.AcceptEncoding, 'identity']] };
  const value = request.headers.value(HeaderId.ContentType);
  // §20.15: a body MUST have a Content-Type; without one nobody can say what it is.
  const type = value === undefined ? undefined : parseMediaType(value);
  if (type !== undefined && types.includes(`${type.type}/${type.subtype}`)) return undefined;
  return { status: 415, reason: reasonPhrase(415), headers: [[HeaderId.Accept, types.join(', ')]] };
}

/** §20.11: handling is `required` unless it is said to be optional. */
function isOptional(request: SipRequest): boolean {
  const value = request.headers.value(HeaderId.ContentDisposition);
  return (
    value !== undefined &&
    parseTokenParams(value, 'Content-Disposition').params.get('handling')?.toLowerCase() === 'optional'
  );
}

function unanswerable(request: SipRequest): Refusal | undefined {
  if (request.method !== 'INVITE' || !request.headers.has(HeaderId.Accept)) return undefined;
  const ranges = request.headers.fieldValues(HeaderId.Accept).flatMap(parseAccept);
  if (accepts(ranges, 'application', 'sdp')) return undefined;
  return { status: 406, reason: reasonPhrase(406), headers: [] };
}
