/**
 * The directives of one challenge or one set of credentials: `Digest name=value, name="value", …` (RFC 3261 §20.7, §20.44).
 *
 * Rules it keeps: one forward scan; only known directives are stored, in fields of fixed names, so that no name from the network
 * becomes a key; a directive given twice with different values makes the whole value malformed, since two readers could choose
 * differently; values are unquoted octets as they came.
 */
export interface DigestParams {
  username?: string;
  realm?: string;
  nonce?: string;
  uri?: string;
  response?: string;
  algorithm?: string;
  cnonce?: string;
  opaque?: string;
  qop?: string;
  nc?: string;
  stale?: string;
  nextnonce?: string;
  rspauth?: string;
}

type Directive = keyof DigestParams;

/** Longer values are refused before they are looked at: nothing a peer needs to say takes this much. */
export const MAX_DIGEST_VALUE_LENGTH = 4096;
const MAX_DIRECTIVES = 32;

/** Reads a `(Proxy-)Authorization` or `WWW-/Proxy-Authenticate` value. Undefined when it is malformed or of another scheme. */
export function parseDigest(value: string): DigestParams | undefined {
  if (value.length > MAX_DIGEST_VALUE_LENGTH || !isDigestScheme(value)) return undefined;
  return parseDirectives(value, 7);
}

/** True when a value is of the Digest scheme, well-formed or not; schemes compare case-insensitively (RFC 3261 §7.3.1). */
export function isDigestScheme(value: string): boolean {
  return value.length > 7 && isSpace(value.charCodeAt(6)) && value.slice(0, 6).toLowerCase() === 'digest';
}

/** Reads a comma list of directives from `offset`: also the form of Authentication-Info (RFC 3261 §20.6), which names no scheme. */
export function parseDirectives(value: string, offset: number): DigestParams | undefined {
  if (value.length > MAX_DIGEST_VALUE_LENGTH) return undefined;
  const params: DigestParams = {};
  const end = value.length;
  // DEVIATION: elements of the list without anything in them are passed over; several phones end with a comma.
  let index = skipSeparators(value, offset);
  for (let count = 0; index < end; count++) {
    if (count === MAX_DIRECTIVES) return undefined;
    const nameStart = index;
    while (index < end && isTokenChar(value.charCodeAt(index))) index++;
    if (index === nameStart) return undefined;
    const directive = directiveAt(value, nameStart, index);
    index = skipSpace(value, index);
    if (value.charCodeAt(index) !== EQUALS) return undefined;
    index = skipSpace(value, index + 1);
    const valueStart = index;
    const quoted = value.charCodeAt(index) === QUOTE;
    index = quoted ? endOfQuoted(value, index) : endOfToken(value, index);
    if (index < 0) return undefined;
    const text = quoted ? unquote(value, valueStart + 1, index - 1) : value.slice(valueStart, index);
    // DEVIATION: `opaque=` with nothing behind it says nothing; what is needed is missed by whoever needs it.
    if (index > valueStart && !store(params, directive, text)) return undefined;
    index = skipSpace(value, index);
    if (index === end) return params;
    if (value.charCodeAt(index) !== COMMA) return undefined;
    index = skipSeparators(value, index + 1);
  }
  return params;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/** Stores a known directive once; said twice alike it is one; unknown ones are ignored (RFC 7616 §3.3: "unrecognized parameters are ignored"). */
function store(params: DigestParams, directive: Directive | undefined, text: string): boolean {
  if (directive === undefined) return true;
  if (params[directive] !== undefined) return params[directive] === text;
  params[directive] = text;
  return true;
}

/** The known directives by the length of their name, so that a name is compared with four others at most. */
const DIRECTIVES_BY_LENGTH: readonly (readonly Directive[])[] = [
  [],
  [],
  ['nc'],
  ['uri', 'qop'],
  [],
  ['realm', 'nonce', 'stale'],
  ['cnonce', 'opaque'],
  ['rspauth'],
  ['username', 'response'],
  ['algorithm', 'nextnonce'],
];

/** Names compare case-insensitively (RFC 3261 §7.3.1). */
function directiveAt(value: string, start: number, end: number): Directive | undefined {
  for (const directive of DIRECTIVES_BY_LENGTH[end - start] ?? []) {
    let index = 0;
    while (start + index < end && (value.charCodeAt(start + index) | 0x20) === directive.charCodeAt(index)) index++;
    if (start + index === end) return directive;
  }
  return undefined;
}

/** The index after the closing quote, or -1 when there is none. */
function endOfQuoted(value: string, open: number): number {
  for (let index = open + 1; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (code === QUOTE) return index + 1;
    if (code === BACKSLASH) index++;
  }
  return -1;
}

function endOfToken(value: string, start: number): number {
  let index = start;
  while (index < value.length) {
    const code = value.charCodeAt(index);
    if (code === COMMA || code === QUOTE || isSpace(code)) break;
    index++;
  }
  return index;
}

function unquote(value: string, start: number, end: number): string {
  const text = value.slice(start, end);
  if (!text.includes('\\')) return text;
  let plain = '';
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) === BACKSLASH) index++;
    plain += text.charAt(index);
  }
  return plain;
}

function skipSpace(value: string, start: number): number {
  let index = start;
  while (index < value.length && isSpace(value.charCodeAt(index))) index++;
  return index;
}

/** Spaces and commas. */
function skipSeparators(value: string, start: number): number {
  let index = skipSpace(value, start);
  while (value.charCodeAt(index) === COMMA) index = skipSpace(value, index + 1);
  return index;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a;
}

/** RFC 3261 §25.1 token characters. */
function isTokenChar(code: number): boolean {
  if ((code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39)) return true;
  switch (code) {
    case 0x2d: // -
    case 0x2e: // .
    case 0x21: // !
    case 0x25: // %
    case 0x2a: // *
    case 0x5f: // _
    case 0x2b: // +
    case 0x60: // `
    case 0x27: // '
    case 0x7e: // ~
      return true;
    default:
      return false;
  }
}
