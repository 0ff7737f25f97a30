import { randomToken } from '../../base/ids.ts';
import { CONTENT_HEADERS, contentFields, typeOfBody } from './content-headers.ts';
import { HeaderId } from './header-id.ts';
import type { SipMessage } from './message.ts';

/** A part of a multipart body (RFC 2046 §5.1): its content is `body[start, end)`, and with delimiter line and last line break it is `body[from, to)`. */
export interface BodyPart {
  readonly from: number;
  readonly start: number;
  readonly end: number;
  readonly to: number;
  /** Its header fields, as they stand. */
  readonly fields: string;
}

/** The media type that a Content-Type value says, in small letters and without parameters. */
export function mediaTypeOf(contentType: string): string {
  return contentType.split(';', 1)[0]?.replace(/[ \t]/g, '').toLowerCase() ?? '';
}

/** The media type of a part; RFC 2046 §5.1: text/plain where it says none. */
export function partType({ fields }: BodyPart): string {
  return mediaTypeOf(/^content-type[ \t]*:[ \t]*([^\r\n]*)/im.exec(fields)?.[1] ?? 'text/plain');
}

/** The Content-ID of a part, without its angle brackets (RFC 2392). */
export function partId({ fields }: BodyPart): string | undefined {
  return /^content-id[ \t]*:[ \t]*<([^>\r\n]*)>/im.exec(fields)?.[1];
}

/** The parts of a multipart body that can be read, in order; none of any other. RFC 2046 §5.1.1: the line break before a delimiter belongs to it. */
export function* partsOf(said: string | undefined, body: string): Generator<BodyPart, undefined> {
  const contentType = typeOfBody(said, body);
  if (contentType === undefined || !/^\s*multipart\//i.test(contentType)) return;
  const boundary = /;\s*boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  const name = boundary?.[1] ?? boundary?.[2];
  if (name === undefined) return;
  const delimiter = `--${name}`;
  const end = lineEndOf(body);
  let from = body.startsWith(delimiter) ? 0 : after(body, `${end}${delimiter}`, 0) - delimiter.length;
  while (from >= 0) {
    const head = after(body, end, from + delimiter.length);
    const next = head < 0 ? -1 : body.indexOf(`${end}${delimiter}`, head - end.length);
    if (next < 0) return;
    // The part's alone: what is looked for in all of the body by each of many parts takes time with the square of its length.
    const part = body.slice(head - end.length, next);
    const blank = part.indexOf(end + end);
    const to = next + end.length;
    if (blank >= 0)
      yield {
        from,
        start: head + blank + end.length,
        end: next,
        to,
        fields: part.slice(end.length, Math.max(end.length, blank)),
      };
    from = to;
  }
}

/**
 * A multipart body with those parts alone that `keeps` takes; empty where it takes none. Undefined: it is no multipart body that can be
 * read. Every octet of what stays is as it was.
 */
export function withParts(
  contentType: string | undefined,
  body: string,
  keeps: (part: BodyPart) => boolean,
): string | undefined {
  let kept: string | undefined;
  let last = 0;
  let count = 0;
  for (const part of partsOf(contentType, body)) {
    kept = (kept ?? '') + body.slice(last, part.from);
    last = part.to;
    if (!keeps(part)) continue;
    kept += body.slice(part.from, part.to);
    count++;
  }
  if (kept === undefined) return undefined;
  return count === 0 ? '' : kept + body.slice(last);
}

/**
 * Puts a session description beside what body a message has: a first part of a multipart/mixed body, which is made of any other body
 * (RFC 5621 §4.3: such bodies are not nested).
 */
export function addDescription(message: SipMessage, description: string): void {
  const { headers, body } = message;
  if (body === '') {
    message.body = description;
    headers.set(HeaderId.ContentType, SDP);
    return;
  }
  const said = headers.value(HeaderId.ContentType);
  const first = mediaTypeOf(said ?? '') === MIXED ? partsOf(said, body).next().value : undefined;
  if (first !== undefined) {
    const end = lineEndOf(body);
    const line = body.slice(first.from, after(body, end, first.from));
    const part = `${line}Content-Type: ${SDP}${end}${end}${description}${end}`;
    message.body = body.slice(0, first.from) + part + body.slice(first.from);
    return;
  }
  const boundary = randomToken();
  const fields = contentFields(message)
    .filter(([name]) => name !== 'MIME-Version')
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  message.body = `--${boundary}\r\nContent-Type: ${SDP}\r\n\r\n${description}\r\n--${boundary}\r\n${fields}\r\n${body}\r\n--${boundary}--\r\n`;
  for (const id of CONTENT_HEADERS) if (id !== HeaderId.MimeVersion) headers.remove(id);
  headers.add(HeaderId.ContentType, `${MIXED};boundary=${boundary}`);
}
const SDP = 'application/sdp';
const MIXED = 'multipart/mixed';

/** DEVIATION: some senders end the lines of a body with LF alone. */
function lineEndOf(body: string): string {
  return /\r?\n/.exec(body)?.[0] ?? '\r\n';
}

function after(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at < 0 ? -1 : at + what.length;
}
