/**
 * How telephone numbers are compared: spaces, dots, dashes, parentheses and invisible characters do not count, one of the prefixes
 * `+00`, `+`, `00`, `0` is dropped, and what is left is a decimal number of 1 to 15 digits (E.164 §6.1). What is dialled and what is
 * sent loses the marks alone: {@link plainNumber}.
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
      if (length === 0) return undefined;
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
export function plainNumber(text: string): string {
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
    } else if (code !== PLUS || dialable > 0 || plain !== '' || position !== start) return text;
  }
  if (start === 0) return text;
  return dialable === 0 ? text : plain + text.slice(start);
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
function separatorLength(text: string, position: number): number {
  const code = text.charCodeAt(position);
  if (code < 0x80) return code === 0x20 || code === 0x2e || code === 0x2d || code === 0x28 || code === 0x29 ? 1 : 0;
  if (isInvisible(code)) return 1;
  const second = text.charCodeAt(position + 1) ^ 0x80;
  if (code === 0xc2) return second < 0x40 && isInvisible(0x80 | second) ? 2 : 0;
  if (code !== 0xe2 && code !== 0xe3 && code !== 0xef) return 0;
  const third = text.charCodeAt(position + 2) ^ 0x80;
  return second < 0x40 && third < 0x40 && isInvisible(((code & 0xf) << 12) | (second << 6) | third) ? 3 : 0;
}

/** No-break space and soft hyphen; U+2000 to U+2015 (spaces, zero-width characters, dashes) and U+202A to U+202F; U+2060 to U+206F; ideographic space; byte order mark. */
function isInvisible(code: number): boolean {
  if (code < 0x2000) return code === 0xa0 || code === 0xad;
  if (code <= 0x206f) return code <= 0x2015 || (code >= 0x202a && code <= 0x202f) || code >= 0x2060;
  return code === 0x3000 || code === 0xfeff;
}
