/**
 * How telephone numbers are compared: spaces, dots, dashes, parentheses and invisible characters do not count, one of the prefixes
 * `+00`, `+`, `00`, `0` is dropped, and what is left is a decimal number of 1 to 15 digits (E.164 §6.1), of whatever script. What is
 * dialled and what is sent loses the marks alone, by the same lists: {@link plainNumber}.
 */

const MAX_DIGITS = 15;
const ZERO = 0x30;
const NINE = 0x39;
const PLUS = 0x2b;
const STAR = 0x2a;
const HASH = 0x23;

/** The number that `text` compares as, or undefined when it is no telephone number. Fifteen digits fit a double exactly. */
export function normalizeNumber(text: string): number | undefined {
  let position = skipSeparators(text, 0);
  const plus = text.charCodeAt(position) === PLUS;
  if (plus) position = skipSeparators(text, position + 1);
  const zeros = leadingZeros(text, position, plus);
  let value = 0;
  let digits = 0;
  let skip = zeros;
  for (; position < text.length; position += 1) {
    const code = text.charCodeAt(position);
    if (code < ZERO || code > NINE) {
      const length = separatorLength(text, position);
      if (length === 0) return code < 0x80 ? undefined : normalizeForeign(text, position);
      position += length - 1;
      continue;
    }
    if (skip > 0) {
      skip -= 1;
      continue;
    }
    digits += 1;
    if (digits > MAX_DIGITS) return undefined;
    value = value * 10 + (code - ZERO);
  }
  return digits === 0 ? undefined : value;
}

/** The same where the first character that is neither ASCII nor a separator is at `start`; reads no further than a number goes. */
function normalizeForeign(text: string, start: number): number | undefined {
  let ascii = text.slice(0, start);
  const longest = start + LONGEST;
  for (let position = start; position < text.length; ) {
    const length = characterLength(text, position);
    if (!isSeparator(character)) {
      const isDigit = character >= ZERO && character <= NINE;
      const dialled = isDigit ? text.charAt(position) : asciiOf(character);
      ascii += dialled;
      if (dialled === '' || ascii.length > longest) return undefined;
    }
    position += length;
  }
  return normalizeNumber(ascii);
}
/** A prefix of three characters, and the digits. */
const LONGEST = 3 + MAX_DIGITS;

/** How many zeros the one dropped prefix has: `+00` and `00` two, `0` one, `+` (and `+0`, where only the plus goes) none. */
function leadingZeros(text: string, start: number, plus: boolean): number {
  if (text.charCodeAt(start) !== ZERO) return 0;
  const second = skipSeparators(text, start + 1);
  if (text.charCodeAt(second) === ZERO) return 2;
  return plus ? 0 : 1;
}

/**
 * A number without what people write for the eye (RFC 3966 §5.1.1, and spaces): digits, `*` and `#`, and one leading `+` stay. A text
 * that is no telephone number comes back as it is: a name has no separators.
 */
export function plainNumber(written: string): string {
  const text = withAsciiDigits(written);
  let plain = '';
  let start = 0;
  let dialable = 0;
  for (let position = 0; position < text.length; position += 1) {
    const code = text.charCodeAt(position);
    if ((code >= ZERO && code <= NINE) || code === STAR || code === HASH) {
      dialable += 1;
      continue;
    }
    const length = separatorLength(text, position);
    if (length > 0) {
      plain += text.slice(start, position);
      start = position + length;
      position = start - 1;
    } else if (code !== PLUS || dialable > 0 || plain !== '' || position !== start) return written;
  }
  if (dialable === 0) return written;
  return start === 0 ? text : plain + text.slice(start);
}

/**
 * The same with the digits of other scripts, and `+`, `*` and `#` of full width, as ASCII ones: keyboards for Arabic or Japanese write a
 * number with their own, and whoever reads them reads that number. As text or as the octets of its UTF-8; all else stays.
 */
export function withAsciiDigits(text: string): string {
  let result = '';
  let start = 0;
  for (let position = 0; position < text.length; position += 1) {
    if (text.charCodeAt(position) < 0x80) continue;
    const length = characterLength(text, position);
    const ascii = asciiOf(character);
    if (ascii !== '') {
      result += text.slice(start, position) + ascii;
      start = position + length;
    }
    position += length - 1;
  }
  return start === 0 ? text : result + text.slice(start);
}

/** What a character of another script or form is dialled as (`\u0664` 4, `\uff14` 4, `\uff0b` +); '' when it is none, as are superscripts and numbers in circles: no keyboard dials them. */
function asciiOf(code: number): string {
  if (code < FIRST_DIGIT || code > LAST_DIGIT) return '';
  let ascii = ASCII.get(code);
  if (ascii === undefined) {
    ascii = readAscii(code);
    ASCII.set(code, ascii);
  }
  return ascii;
}
/** The first digit beyond ASCII, and no plane after the second has any. */
const FIRST_DIGIT = 0x660;
const LAST_DIGIT = 0x1ffff;
/** What has been read: asking Unicode takes a hundred times as long as reading a text does. At most two planes. */
const ASCII = new Map<number, string>();

function readAscii(code: number): string {
  const written = String.fromCodePoint(code);
  if (!DIALLABLE.test(written)) return '';
  const compatible = written.normalize('NFKC');
  if (DIALLED.test(compatible)) return compatible;
  if (!DIGIT.test(written)) return '';
  // Unicode has them in runs from 0 to 9.
  let first = code;
  while (DIGIT.test(String.fromCodePoint(first - 1))) first -= 1;
  return String((code - first) % 10);
}
const DIALLABLE = /[\p{Nd}\uff03\uff0a\uff0b]/u;
const DIGIT = /\p{Nd}/u;
const DIALLED = /^[0-9*#+]+$/;

/** The text without what people write between digits. */
export function withoutSeparators(text: string): string {
  let result = '';
  let start = 0;
  for (let position = 0; position < text.length; position += 1) {
    const length = separatorLength(text, position);
    if (length === 0) continue;
    result += text.slice(start, position);
    start = position + length;
    position = start - 1;
  }
  return start === 0 ? text : result + text.slice(start);
}

function skipSeparators(text: string, start: number): number {
  let position = start;
  for (let length = separatorLength(text, position); length > 0; length = separatorLength(text, position))
    position += length;
  return position;
}

/**
 * Length of the separator at `position`, 0 when there is none: space, dot, dash, parentheses, and what a number brings along that was
 * copied from a page or an address book (spaces of every width, dashes, marks of direction, zero-width characters, byte order mark),
 * as text or as the octets of its UTF-8.
 */
export function separatorLength(text: string, position: number): number {
  const code = text.charCodeAt(position);
  if (code < 0x80) return isSeparator(code) ? 1 : 0;
  const length = characterLength(text, position);
  return isSeparator(character) ? length : 0;
}

function isSeparator(code: number): boolean {
  if (code >= 0x80) return isInvisible(code);
  return code === 0x20 || code === 0x2e || code === 0x2d || code === 0x28 || code === 0x29;
}

/** The character that {@link characterLength} found. */
let character = 0;

/** How many places the character at `position` takes: one or two of text, or two to four as the octets of its UTF-8. */
function characterLength(text: string, position: number): number {
  const code = text.charCodeAt(position);
  const second = text.charCodeAt(position + 1) ^ 0x80;
  const third = text.charCodeAt(position + 2) ^ 0x80;
  const fourth = text.charCodeAt(position + 3) ^ 0x80;
  character = code;
  if (code >= 0xc2 && code <= 0xdf && second < 0x40) {
    character = ((code & 0x1f) << 6) | second;
    return 2;
  }
  if (code >= 0xe0 && code <= 0xef && second < 0x40 && third < 0x40) {
    character = ((code & 0xf) << 12) | (second << 6) | third;
    return 3;
  }
  if (code >= 0xf0 && code <= 0xf4 && second < 0x40 && third < 0x40 && fourth < 0x40) {
    const astral = ((code & 7) << 18) | (second << 12) | (third << 6) | fourth;
    if (astral <= LAST_CHARACTER) character = astral;
    return 4;
  }
  if (code < 0xd800 || code > 0xdbff) return 1;
  character = text.codePointAt(position) ?? code;
  return character > 0xffff ? 2 : 1;
}
const LAST_CHARACTER = 0x10ffff;

/** No-break space and soft hyphen; U+2000 to U+2015 (spaces, zero-width characters, dashes) and U+202A to U+202F; minus; U+2060 to U+206F; ideographic space; full-width parentheses, minus and stop; byte order mark. */
function isInvisible(code: number): boolean {
  if (code < 0x2000) return code === 0xa0 || code === 0xad;
  if (code <= 0x206f) return code <= 0x2015 || (code >= 0x202a && code <= 0x202f) || code >= 0x2060;
  return MARKS.has(code);
}
const MARKS: ReadonlySet<number> = new Set([0x2212, 0x3000, 0xff08, 0xff09, 0xff0d, 0xff0e, 0xfeff]);
