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

const NONE: readonly (readonly [string, string])[] = [];

/** The header fields that describe the body of `message`, by canonical name; none when it has no body. */
export function contentFields(message: {
  readonly headers: Headers;
  readonly body: string;
}): readonly (readonly [name: string, value: string])[] {
  let fields = NONE;
  if (message.body === '') return fields;
  for (const id of CONTENT_HEADERS) {
    const value = message.headers.value(id);
    if (value !== undefined) fields = fields.concat([[headerName(id), value]]);
  }
  return fields;
}
