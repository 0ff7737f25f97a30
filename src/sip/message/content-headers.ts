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

interface Content {
  readonly headers: Headers;
  readonly body: string;
}

/** What a body is, for who looks for a session description. */
export type ContentKind = 'sdp' | 'multipart' | 'other';

export function contentKindOf({ headers, body }: Content): ContentKind {
  return headers.read(HeaderId.ContentType, contentKind) ?? kindOfBody(body);
}

/**
 * The type of a body that nobody says it of. DEVIATION: §20.15 wants a Content-Type; gateways forget it, and what begins as a session
 * description does (RFC 8866 §5.1) is one, for other stacks too.
 */
export function unsaidType(body: string): string | undefined {
  return body.startsWith('v=0\r') || body.startsWith('v=0\n') ? SDP : undefined;
}

function kindOfBody(body: string): ContentKind {
  return unsaidType(body) === undefined ? 'other' : 'sdp';
}

/** What a Content-Type `text[start, end)` says; white space may stand around its slash (§25.1 SLASH). */
function contentKind(text: string, start: number, end: number): ContentKind {
  if (end - start >= SDP.length && isSameWord(text, start, SDP)) return 'sdp';
  if (end - start >= MULTIPART.length && isSameWord(text, start, MULTIPART)) return 'multipart';
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
    const value = message.headers.value(id) ?? (id === HeaderId.ContentType ? unsaidType(message.body) : undefined);
    if (value === undefined) continue;
    // Nearly all bodies are described by this alone.
    fields = id === HeaderId.ContentType && value === SDP ? SDP_ALONE : added(fields, [headerName(id), value]);
  }
  return fields;
}
