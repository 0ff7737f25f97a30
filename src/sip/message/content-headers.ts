import { added } from '../../base/added.ts';
import { isSameWord, skipSpace } from './characters.ts';
import { HeaderId, headerName } from './header-id.ts';
import type { Headers } from './headers.ts';

/** What describes a body; goes wherever the body goes (RFC 3261 §7.4, §20.11 to §20.15; RFC 5621). */
export const CONTENT_HEADERS: readonly HeaderId[] = [
  HeaderId.ContentType,
  HeaderId.ContentDisposition,
  HeaderId.ContentEncoding,
  HeaderId.ContentLanguage,
  HeaderId.MimeVersion,
];

/** §7.3.1: several fields of these are one list. */
const LISTS: ReadonlySet<HeaderId> = new Set([HeaderId.ContentEncoding, HeaderId.ContentLanguage]);

interface Content {
  readonly headers: Headers;
  readonly body: string;
}

/** What a body is, for who looks for a session description. */
export type ContentKind = 'sdp' | 'multipart' | 'other';

export function contentKindOf({ headers, body }: Content): ContentKind {
  return headers.read(HeaderId.ContentType, contentKind) ?? kindOfBody(body);
}

/** Whether `text[start, end)` begins as a media type does: a type, a slash, a subtype. */
function namesType(text: string, start: number, end: number): boolean {
  const slash = text.indexOf('/', start);
  return slash > start && slash < end && text.charCodeAt(start) !== 0x2a;
}

/**
 * The type of a body of which a Content-Type says `said`; undefined or empty when nobody can tell. DEVIATION: §20.15 wants one; gateways
 * forget it, or leave it empty, and what begins as a session description does (RFC 8866 §5.1) is one, for other stacks too. So where
 * it names no type (a range, a word).
 */
export function typeOfBody(said: string | undefined, body: string): string | undefined {
  if (said !== undefined && namesType(said, 0, said.length)) return said;
  return body.startsWith('v=0\r') || body.startsWith('v=0\n') ? SDP : said;
}

function kindOfBody(body: string): ContentKind {
  return typeOfBody(undefined, body) === undefined ? 'other' : 'sdp';
}

/** What a Content-Type `text[start, end)` says, if it says anything; white space may stand around its slash (§25.1 SLASH). */
function contentKind(text: string, start: number, end: number): ContentKind | undefined {
  if (end - start >= SDP.length && isSameWord(text, start, SDP)) return 'sdp';
  if (end - start >= MULTIPART.length && isSameWord(text, start, MULTIPART)) return 'multipart';
  if (!namesType(text, start, end)) return undefined;
  if (!isSameWord(text, start, 'application')) return 'other';
  const slash = skipSpace(text, start + 'application'.length, end);
  const subtype = skipSpace(text, slash + 1, end);
  return text.charCodeAt(slash) === 0x2f && subtype + 3 <= end && isSameWord(text, subtype, 'sdp') ? 'sdp' : 'other';
}
const SDP = 'application/sdp';
const MULTIPART = 'multipart/';

const NONE: readonly (readonly [string, string])[] = [];
const SDP_ALONE: typeof NONE = [[headerName(HeaderId.ContentType), SDP]];

/** The header fields that describe the body of `message`, by canonical name; none when it has no body. */
export function contentFields(message: Content): readonly (readonly [name: string, value: string])[] {
  let fields = NONE;
  if (message.body === '') return fields;
  for (const id of CONTENT_HEADERS) {
    const said = message.headers.value(id);
    const value = id === HeaderId.ContentType ? typeOfBody(said, message.body) : said;
    if (value === undefined || value === '') continue;
    // Nearly all bodies are described by this alone.
    if (id === HeaderId.ContentType && value === SDP) fields = SDP_ALONE;
    else
      for (const each of LISTS.has(id) ? message.headers.fieldValues(id) : [value])
        fields = added(fields, [headerName(id), each]);
  }
  return fields;
}
