import { isToken, skipSpace, trimEnd } from '../characters.ts';
import { malformed } from './token-params.ts';

/** Reads Privacy: lower-case values (RFC 3323 §4.2). DEVIATION: a comma separates too; carriers write `id, user`. */
export function parsePrivacy(text: string): string[] {
  const values: string[] = [];
  for (let start = 0; start <= text.length; ) {
    let end = start;
    while (end < text.length && text.charCodeAt(end) !== 0x3b && text.charCodeAt(end) !== 0x2c) end++;
    const first = skipSpace(text, start, end);
    const last = trimEnd(text, first, end);
    if (!isToken(text, first, last)) throw malformed('Privacy', text);
    values.push(text.slice(first, last).toLowerCase());
    start = end + 1;
  }
  return values;
}

export function formatPrivacy(values: readonly string[]): string {
  return values.join(';');
}
