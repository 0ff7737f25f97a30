import { decimalAt, endOfComment, isDigitCode, skipSpace, trimEnd } from '../characters.ts';
import { readParams } from '../params.ts';
import { malformed } from './malformed.ts';

/** Retry-After (RFC 3261 §20.33): its seconds. A comment and parameters are read over. */
export function parseRetryAfter(text: string): number {
  const end = trimEnd(text, 0, text.length);
  let index = 0;
  while (index < end && isDigitCode(text.charCodeAt(index))) index++;
  const seconds = decimalAt(text, 0, index);
  if (seconds < 0 || seconds >= 2 ** 32) throw malformed('Retry-After', text);
  index = skipSpace(text, index, end);
  if (text.charCodeAt(index) === 0x28 && index < end) {
    const close = endOfComment(text, index, end);
    if (close < 0) throw malformed('Retry-After', text);
    index = close + 1;
  }
  readParams(text, index, end, 'Retry-After');
  return seconds;
}
