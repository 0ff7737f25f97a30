/**
 * Character classes of RFC 3261 §25.1 as one table of bits, and the few scans that every field shares. Each scan is a single
 * forward pass; nothing here uses a regular expression, so that no input costs more than its length.
 */
const TOKEN = 1;
const DIGIT = 2;
const HEX = 4;
const USER = 8;
const PARAM = 16;
const HOSTNAME = 32;
const VALUE = 64;

const classes = new Uint8Array(256);
function mark(characters: string, bit: number): void {
  for (let index = 0; index < characters.length; index++) {
    const code = characters.charCodeAt(index);
    classes[code] = (classes[code] ?? 0) | bit;
  }
}
const DIGITS = '0123456789';
const ALPHANUM = `${DIGITS}abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ`;
const UNRESERVED = `${ALPHANUM}-_.!~*'()`;
mark(`${ALPHANUM}-.!%*_+\`'~`, TOKEN);
mark(DIGITS, DIGIT);
mark(`${DIGITS}abcdefABCDEF`, HEX);
// DEVIATION: '#' is not in RFC 3261's user-unreserved, but phones dial feature codes such as *31# without escaping it.
mark(`${UNRESERVED}&=+$,;?/#`, USER);
mark(`${UNRESERVED}[]/:&+$`, PARAM);
// DEVIATION: '_' is no host name character (RFC 1123), but it occurs in names of hosts on private networks.
mark(`${ALPHANUM}-._`, HOSTNAME);

for (let code = 0x21; code < 256; code++)
  if (!';,"<>'.includes(String.fromCharCode(code))) classes[code] = (classes[code] ?? 0) | VALUE;

function classOf(code: number): number {
  return code < 256 ? (classes[code] as number) : 0;
}

export const isTokenCode = (code: number): boolean => (classOf(code) & TOKEN) !== 0;
export const isDigitCode = (code: number): boolean => code >= 0x30 && code <= 0x39;
export const isHexCode = (code: number): boolean => (classOf(code) & HEX) !== 0;
/** user-unreserved or unreserved; `%` is checked apart, since it must be followed by two hexadecimal digits. */
export const isUserCode = (code: number): boolean => (classOf(code) & USER) !== 0;
/** paramchar without escapes. */
export const isParamCode = (code: number): boolean => (classOf(code) & PARAM) !== 0;
/** What an unquoted parameter value of a header field may hold; see `endOfValue`. */
export const isValueCode = (code: number): boolean => code >= 256 || (classOf(code) & VALUE) !== 0;
export const isHostCode = (code: number): boolean => (classOf(code) & HOSTNAME) !== 0;
/** SP or HT; inside a field value also CR and LF, which occur there as folding only. */
export const isSpaceCode = (code: number): boolean =>
  code <= 0x20 && (code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a);

/** True when `text[start, end)` is one or more token characters. */
export function isToken(text: string, start = 0, end = text.length): boolean {
  if (start >= end) return false;
  for (let index = start; index < end; index++) if (!isTokenCode(text.charCodeAt(index))) return false;
  return true;
}

/** First index at or after `index` that holds no white space. */
export function skipSpace(text: string, index: number, end = text.length): number {
  while (index < end && isSpaceCode(text.charCodeAt(index))) index++;
  return index;
}

/** End of `text[start, end)` without its trailing white space. */
export function trimEnd(text: string, start: number, end: number): number {
  while (end > start && isSpaceCode(text.charCodeAt(end - 1))) end--;
  return end;
}

/** Index of the quote that closes the one at `open`, or -1; a backslash escapes the next character (§25.1 quoted-pair). */
export function closingQuote(text: string, open: number, end = text.length): number {
  for (let index = open + 1; index < end; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x22) return index;
    if (code === 0x5c) index++;
  }
  return -1;
}

/** Index of the parenthesis that closes the comment at `open`, or -1; comments nest, and a backslash escapes (§25.1 comment). */
export function endOfComment(text: string, open: number, to: number): number {
  let depth = 0;
  for (let index = open; index < to; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x5c) index++;
    else if (code === 0x28) depth++;
    else if (code === 0x29 && --depth === 0) return index;
  }
  return -1;
}

/** The content of a quoted string: outer quotes removed, quoted pairs resolved. Any other text comes back as it is. */
export function unquote(text: string): string {
  const last = text.length - 1;
  if (last < 1 || text.charCodeAt(0) !== 0x22 || text.charCodeAt(last) !== 0x22) return text;
  if (!text.includes('\\')) return text.slice(1, last);
  let result = '';
  let runStart = 1;
  for (let index = 1; index < last; index++) {
    if (text.charCodeAt(index) !== 0x5c || index + 1 >= last) continue;
    result += text.slice(runStart, index);
    index++;
    runStart = index;
  }
  return result + text.slice(runStart, last);
}

/** A quoted string; quotes and backslashes are escaped. */
export function quote(text: string): string {
  if (!text.includes('"') && !text.includes('\\')) return `"${text}"`;
  let result = '"';
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x22 || code === 0x5c) result += '\\';
    result += text[index];
  }
  return `${result}"`;
}

/** Index of the first `separator` outside quotes and angle brackets at or after `start`, or `end`. */
export function findSeparator(text: string, separator: number, start: number, end = text.length): number {
  for (let index = start; index < end; index++) {
    const code = text.charCodeAt(index);
    if (code === separator) return index;
    if (code === 0x22) {
      const close = closingQuote(text, index, end);
      if (close < 0) return end;
      index = close;
    } else if (code === 0x3c) {
      const close = text.indexOf('>', index);
      if (close < 0 || close >= end) return end;
      index = close;
    }
  }
  return end;
}

/** The elements of a comma-separated list (§7.3.1), trimmed; commas in quotes or angle brackets do not separate. Empty elements are left out. */
export function splitList(text: string): string[] {
  const elements: string[] = [];
  for (let start = 0; start <= text.length; ) {
    const separator = findSeparator(text, 0x2c, start);
    const first = skipSpace(text, start, separator);
    const last = trimEnd(text, first, separator);
    if (last > first) elements.push(text.slice(first, last));
    start = separator + 1;
  }
  return elements;
}

/** Whether a comma-separated list has this element, in any case; cuts nothing out. `token` is a token. */
export function listHolds(text: string, token: string): boolean {
  for (let start = 0; start <= text.length; ) {
    const separator = findSeparator(text, 0x2c, start);
    const first = skipSpace(text, start, separator);
    if (trimEnd(text, first, separator) - first === token.length && isSameWord(text, first, token)) return true;
    start = separator + 1;
  }
  return false;
}

/** Which of the words (in upper case, at most 31) are elements of a comma-separated list, in any case: bit n says that the nth is. */
export function listedWords(text: string, words: readonly string[]): number {
  let found = 0;
  for (let start = 0; start <= text.length; ) {
    const separator = findSeparator(text, 0x2c, start);
    const first = skipSpace(text, start, separator);
    const length = trimEnd(text, first, separator) - first;
    for (let index = 0; index < words.length; index++) {
      const word = words[index] as string;
      if (word.length === length && isSameWord(text, first, word)) found |= 1 << index;
    }
    start = separator + 1;
  }
  return found;
}

/** Whether `text` has this word at `start`, in any case. */
export function isSameWord(text: string, start: number, word: string): boolean {
  for (let index = 0; index < word.length; index++) {
    if (lowerCase(text.charCodeAt(start + index)) !== lowerCase(word.charCodeAt(index))) return false;
  }
  return true;
}

const lowerCase = (code: number): number => (code >= 0x41 && code <= 0x5a ? code | 0x20 : code);

/** Finds each `<` outside quotes, and remembers it: a list of thousands of names without one is searched once, not once for each name. */
class OpenBrackets {
  readonly #text: string;
  #found = -1;

  constructor(text: string) {
    this.#text = text;
  }

  /** The first at or after `index`, which is outside quotes and larger each time; the end of the text when there is none. */
  from(index: number): number {
    if (this.#found < index) this.#found = findSeparator(this.#text, 0x3c, index);
    return this.#found;
  }
}

/**
 * Where the address that starts at `start` ends in a list of addresses (Contact, P-Asserted-Identity …): at the next comma that
 * separates, or at the end. DEVIATION: a comma before the `<` belongs to a display name whose quotes were left out
 * (`ACME, Inc. <sip:a@b>`), unless what stands before it may be a URI without angle brackets.
 */
export function endOfAddress(text: string, start: number, opens?: OpenBrackets): number {
  // Nearly every field has one address.
  if (text.indexOf(',', start) < 0) return text.length;
  const comma = findSeparator(text, 0x2c, start);
  if (comma === text.length || holdsAddress(text, start, comma)) return comma;
  const open = (opens ?? new OpenBrackets(text)).from(comma + 1);
  return open === text.length ? comma : findSeparator(text, 0x2c, open);
}

/** True when `text[start, end)` has a `<`, is `*` or empty, or may be a URI of its own: a colon, and white space only before parameters. */
function holdsAddress(text: string, start: number, end: number): boolean {
  const first = skipSpace(text, start, end);
  const last = trimEnd(text, first, end);
  if (last === first || text.charCodeAt(first) === 0x2a || findSeparator(text, 0x3c, first, last) < last) return true;
  const uriEnd = trimEnd(text, first, findSeparator(text, 0x3b, first, last));
  let hasColon = false;
  for (let index = first; index < uriEnd; index++) {
    const code = text.charCodeAt(index);
    if (isSpaceCode(code)) return false;
    hasColon ||= code === 0x3a;
  }
  return hasColon;
}

/** The addresses of a list, trimmed; see {@link endOfAddress}. */
export function splitAddresses(text: string): string[] {
  const opens = new OpenBrackets(text);
  const addresses: string[] = [];
  for (let start = 0; start <= text.length; ) {
    const end = endOfAddress(text, start, opens);
    const first = skipSpace(text, start, end);
    const last = trimEnd(text, first, end);
    if (last > first) addresses.push(text.slice(first, last));
    start = end + 1;
  }
  return addresses;
}

/** Whether `text[start, end)` may be a list. */
export function holdsComma(text: string, start: number, end: number): boolean {
  const comma = text.indexOf(',', start);
  return comma >= 0 && comma < end;
}

/** A decimal number of at most 10 digits behind any zeros in `text[start, end)`, or -1. */
export function decimalAt(text: string, start: number, end: number): number {
  let first = start;
  while (end - first > 10 && text.charCodeAt(first) === 0x30) first++;
  if (first >= end || end - first > 10) return -1;
  let value = 0;
  for (let index = first; index < end; index++) {
    const code = text.charCodeAt(index);
    if (!isDigitCode(code)) return -1;
    value = value * 10 + code - 0x30;
  }
  return value;
}

/** Text as people write it → octets as they travel: UTF-8, one character per octet. */
export function octetsFromText(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** Octets as they travel → text for people; octets that are no UTF-8 become U+FFFD. */
export function textFromOctets(octets: string): string {
  return isAscii(octets) ? octets : Buffer.from(octets, 'latin1').toString('utf8');
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}
