import { partsOf, partType } from './body-parts.ts';
import { typeOfBody } from './content-headers.ts';
import { HeaderId } from './header-id.ts';
import type { SipMessage } from './message.ts';

/** Where a session description is in a body: all of it, or a part of a multipart body (RFC 5621 §3). */
interface Place {
  readonly start: number;
  readonly end: number;
}

/** The session description (RFC 8866) of a message; undefined when it has none, or one that cannot be read as it is. */
export function sessionDescriptionOf(message: SipMessage): string | undefined {
  if (message.body === '') return undefined;
  // RFC 3261 §20.12: nothing here unpacks it.
  const encoding = message.headers.value(HeaderId.ContentEncoding)?.trim().toLowerCase();
  if (encoding !== undefined && encoding !== '' && encoding !== 'identity') return undefined;
  return descriptionIn(message.headers.value(HeaderId.ContentType), message.body);
}

/** The session description in a body of this Content-Type. */
export function descriptionIn(contentType: string | undefined, body: string): string | undefined {
  const place = placeOf(contentType, body);
  return place === undefined ? undefined : body.slice(place.start, place.end);
}

/** The body with another session description in place of the one that is there; every other octet stays. */
export function withDescription(contentType: string | undefined, body: string, description: string): string {
  const place = placeOf(contentType, body);
  return place === undefined ? body : body.slice(0, place.start) + description + body.slice(place.end);
}

/** Puts another session description in place of the one that a message has. */
export function replaceDescription(message: SipMessage, description: string): void {
  message.body = withDescription(message.headers.value(HeaderId.ContentType), message.body, description);
}

function placeOf(said: string | undefined, body: string): Place | undefined {
  const contentType = typeOfBody(said, body);
  if (contentType === undefined || body === '') return undefined;
  if (/^\s*application\s*\/\s*sdp\s*(?:;|$)/i.test(contentType)) return { start: 0, end: body.length };
  for (const part of partsOf(contentType, body)) if (partType(part) === 'application/sdp') return part;
  return undefined;
}
