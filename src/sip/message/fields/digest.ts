import { closingQuote, isTokenCode, quote, skipSpace, trimEnd, unquote } from '../characters.ts';
import { malformed } from './token-params.ts';

/** Most directives of one challenge or answer. */
const MAX_DIRECTIVES = 64;

/** One value of WWW-Authenticate, Proxy-Authenticate, Authorization or Proxy-Authorization (RFC 3261 §20.44, §22). */
export interface AuthValue {
  /** As written, e.g. `Digest`; empty for Authentication-Info. */
  readonly scheme: string;
  /** Directive names in lower case; values without quotes. A Map, so that no name can be more than a name. */
  readonly directives: ReadonlyMap<string, string>;
}

/** Directives that stand without quotes (RFC 3261 §25.1, RFC 7616 §3.3 to §3.5); all others are quoted. */
const UNQUOTED = new Set(['algorithm', 'stale', 'nc']);

/** Reads a challenge or an answer to one. A directive that stands twice is refused: two readers could take different ones. */
export function parseAuth(text: string, field: string): AuthValue {
  const end = trimEnd(text, 0, text.length);
  const start = skipSpace(text, 0, end);
  let index = start;
  while (index < end && isTokenCode(text.charCodeAt(index))) index++;
  if (index === start || skipSpace(text, index, end) === index) throw malformed(field, text);
  return {
    scheme: text.slice(start, index),
    directives: readDirectives(text, skipSpace(text, index, end), end, field),
  };
}

/** Reads Authentication-Info: directives without a scheme (§20.6). */
export function parseAuthenticationInfo(text: string): AuthValue {
  const end = trimEnd(text, 0, text.length);
  return { scheme: '', directives: readDirectives(text, skipSpace(text, 0, end), end, 'Authentication-Info') };
}

function readDirectives(text: string, index: number, end: number, field: string): Map<string, string> {
  const directives = new Map<string, string>();
  while (index < end) {
    const nameStart = index;
    while (index < end && isTokenCode(text.charCodeAt(index))) index++;
    const name = text.slice(nameStart, index).toLowerCase();
    index = skipSpace(text, index, end);
    if (name === '' || text.charCodeAt(index) !== 0x3d || index >= end) throw malformed(field, text);
    const valueStart = skipSpace(text, index + 1, end);
    index = directiveEnd(text, valueStart, end);
    if (index <= valueStart || directives.has(name) || directives.size >= MAX_DIRECTIVES) throw malformed(field, text);
    directives.set(name, unquote(text.slice(valueStart, index)));
    index = skipSpace(text, index, end);
    if (index < end && text.charCodeAt(index) !== 0x2c) throw malformed(field, text);
    index = skipSpace(text, index + 1, end);
  }
  return directives;
}

/** End of a quoted string or of a value without quotes. DEVIATION: the latter may hold what no token does (a URI, base64), since some gateways leave the quotes out. */
function directiveEnd(text: string, start: number, end: number): number {
  if (text.charCodeAt(start) === 0x22) return closingQuote(text, start, end) + 1;
  let index = start;
  for (; index < end; index++) {
    const code = text.charCodeAt(index);
    if (code <= 0x20 || code === 0x2c || code === 0x22) break;
  }
  return index;
}

/** `qop` is a quoted list in a challenge and a token in an answer (RFC 7616 §3.3, §3.4). */
export function formatAuth(value: AuthValue): string {
  const isAnswer = value.scheme === '' || value.directives.has('response');
  let text = value.scheme === '' ? '' : `${value.scheme} `;
  let separator = '';
  for (const [name, content] of value.directives) {
    const plain = UNQUOTED.has(name) || (name === 'qop' && isAnswer);
    text += `${separator}${name}=${plain ? content : quote(content)}`;
    separator = ', ';
  }
  return text;
}
