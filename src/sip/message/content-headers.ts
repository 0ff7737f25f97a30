import { added } from '../../base/added.ts';
import { isSameWord } from './characters.ts';
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

/** What a Content-Type `text[start, end)` says that a body is, for who looks for a session description. */
export function contentKind(text: string, start: number, end: number): 'sdp' | 'multipart' | 'other' {
  if (end - start >= SDP.length && isSameWord(text, start, SDP)) return 'sdp';
  return end - start >= MULTIPART.length && isSameWord(text, start, MULTIPART) ? 'multipart' : 'other';
}
const SDP = 'application/sdp';
const MULTIPART = 'multipart/';

const NONE: readonly (readonly [string, string])[] = [];
const SDP_ALONE: typeof NONE = [[headerName(HeaderId.ContentType), SDP]];

/** The header fields that describe the body of `message`, by canonical name; none when it has no body. */
export function contentFields(message: {
  readonly headers: Headers;
  readonly body: string;
}): readonly (readonly [name: string, value: string])[] {
  let fields = NONE;
  if (message.body === '') return fields;
  for (const id of CONTENT_HEADERS) {
    const value = message.headers.value(id);
    if (value === undefined) continue;
    // Nearly all bodies are described by this alone.
    fields = id === HeaderId.ContentType && value === SDP ? SDP_ALONE : added(fields, [headerName(id), value]);
  }
  return fields;
}
