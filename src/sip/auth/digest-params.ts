/**
 * The directives of one challenge or one set of credentials: `Digest name=value, name="value", …` (RFC 3261 §20.7, §20.44).
 *
 * Rules it keeps: one forward scan, which never goes back; only known directives are stored, in fields of fixed names, so that no name from the network
 * becomes a key; a directive given twice with different values makes the whole value malformed, since two readers could choose
 * differently; values are unquoted octets as they came.
 */
export interface DigestParams {
  username: string | undefined;
  realm: string | undefined;
  nonce: string | undefined;
  uri: string | undefined;
  response: string | undefined;
  algorithm: string | undefined;
  cnonce: string | undefined;
  opaque: string | undefined;
  qop: string | undefined;
  nc: string | undefined;
  stale: string | undefined;
  nextnonce: string | undefined;
  rspauth: string | undefined;
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
  if (value.length <= 7 || !isSpace(value.charCodeAt(6))) return false;
  return value.startsWith('Digest') || value.slice(0, 6).toLowerCase() === 'digest';
}

/**
 * The Digest challenges in one `WWW-/Proxy-Authenticate` value: some servers write several into one field, of other schemes too (RFC
 * 7235 §4.1, which RFC 3261 §20.44 does not have). What stands before a fault is read.
 */
export function parseChallenges(value: string): DigestParams[] {
  const found: DigestParams[] = [];
  if (value.length > MAX_DIGEST_VALUE_LENGTH) return found;
  let start = skipSeparators(value, 0);
  while (start < value.length) {
    const schemeEnd = endOfName(value, start);
    if (schemeEnd === start) break;
    const isDigest = schemeEnd - start === 6 && value.slice(start, schemeEnd).toLowerCase() === 'digest';
    const params = noDirectives();
    const next = readDirectives(value, schemeEnd, params);
    if (next < 0) break;
    if (isDigest) found.push(params);
    start = next;
  }
  return found;
}

/** Reads a comma list of directives from `offset`: also the form of Authentication-Info (RFC 3261 §20.6), which names no scheme. */
export function parseDirectives(value: string, offset: number): DigestParams | undefined {
  if (value.length > MAX_DIGEST_VALUE_LENGTH) return undefined;
  const params = noDirectives();
  return readDirectives(value, offset, params) === value.length ? params : undefined;
}

/**
 * Reads directives into `params` and returns where they end: at the end of the value or at the name of another scheme; -1 when they
 * are malformed. DEVIATION: servers and phones leave values empty (`stale=`), which say nothing, write empty elements and a comma too many, leave a comma
 * out, and do not quote a list (`qop=auth,auth-int`): each reads one way only.
 */
function readDirectives(value: string, offset: number, params: DigestParams): number {
  const end = value.length;
  let index = skipSeparators(value, offset);
  for (let count = 0; index < end; count++) {
    if (count === MAX_DIRECTIVES) return -1;
    const nameStart = index;
    index = endOfName(value, nameStart);
    if (index === nameStart) return -1;
    const nameEnd = index;
    index = skipSpace(value, nameEnd);
    if (value.charCodeAt(index) !== EQUALS) {
      // A word alone says nothing; one that is followed by another begins the next challenge.
      if (index < end && value.charCodeAt(index) !== COMMA) return index === nameEnd ? -1 : nameStart;
      index = skipSeparators(value, index);
      continue;
    }
    index = skipSpace(value, index + 1);
    const valueStart = index;
    const quoted = value.charCodeAt(index) === QUOTE;
    index = quoted ? endOfQuoted(value, index) : endOfToken(value, index);
    if (index < 0) return -1;
    const text = quoted ? unquote(value, valueStart + 1, index - 1) : value.slice(valueStart, index);
    if (index > valueStart && !store(params, directiveAt(value, nameStart, nameEnd), text)) return -1;
    const valueEnd = index;
    index = skipSeparators(value, index);
    if (index === valueEnd && index < end) return -1;
  }
  return end;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/** All fields are there from the start: an object that grows as it is filled takes a multiple of its place. */
function noDirectives(): DigestParams {
  return {
    username: undefined,
    realm: undefined,
    nonce: undefined,
    uri: undefined,
    response: undefined,
    algorithm: undefined,
    cnonce: undefined,
    opaque: undefined,
    qop: undefined,
    nc: undefined,
    stale: undefined,
    nextnonce: undefined,
    rspauth: undefined,
  };
}

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
  let index = start;
  while (index < value.length && (isSpace(value.charCodeAt(index)) || value.charCodeAt(index) === COMMA)) index++;
  return index;
}

function endOfName(value: string, start: number): number {
  let index = start;
  while (index < value.length && isTokenChar(value.charCodeAt(index))) index++;
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
