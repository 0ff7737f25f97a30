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
  if (!/^\s*multipart\//i.test(contentType)) return undefined;
  const boundary = /;\s*boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  const name = boundary?.[1] ?? boundary?.[2];
  return name === undefined ? undefined : placeInParts(body, `--${name}`);
}

/** RFC 2046 §5.1.1: the line break before a delimiter belongs to it. DEVIATION: some senders end the lines of a body with LF alone. */
function placeInParts(body: string, delimiter: string): Place | undefined {
  const end = /\r?\n/.exec(body)?.[0] ?? '\r\n';
  let at = body.startsWith(delimiter) ? 0 : after(body, `${end}${delimiter}`, 0) - delimiter.length;
  while (at >= 0) {
    const head = after(body, end, at + delimiter.length);
    const next = head < 0 ? -1 : body.indexOf(`${end}${delimiter}`, head - end.length);
    if (next < 0) return undefined;
    // The part's alone: what is looked for in all of the body by each of many parts takes time with the square of its length.
    const part = body.slice(head - end.length, next);
    const blank = part.indexOf(end + end);
    if (
      blank >= 0 &&
      /^content-type[ \t]*:[ \t]*application\/sdp[ \t]*(?:;|\r|$)/im.test(
        part.slice(end.length, Math.max(end.length, blank)),
      )
    )
      return { start: head + blank + end.length, end: next };
    at = next + end.length;
  }
  return undefined;
}

function after(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at < 0 ? -1 : at + what.length;
}
