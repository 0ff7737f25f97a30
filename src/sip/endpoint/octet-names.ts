/** What octets are, one by one and as names, for a reader that makes no text of them. */
const TAB = 9;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

/** RFC 3261 §25.1 `token`. */
export const TOKEN = 1;
/** Letters, digits, `-` and `.`. */
export const HOST = 2;
/** The user part of a SIP URI, in what nobody escapes. */
export const USER = 4;
/** Letters, digits and white space: a display name without quotes. */
export const NAME = 8;
/** All that a value may hold: no control character but a tab. */
export const TEXT = 16;
/** IPv6 in brackets. */
export const IPV6 = 32;

const CLASSES = new Uint8Array(256);
for (let code = 0x20; code < 0x100; code++) CLASSES[code] = code === 0x7f ? 0 : TEXT;
CLASSES[TAB] = TEXT;
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
allow(`${letters}0123456789`, TOKEN | HOST | USER | NAME);
allow("-.!%*_+`'~", TOKEN);
allow('-.', HOST);
allow('+-._~*', USER);
allow(' -.', NAME);
allow('0123456789abcdefABCDEF:.', IPV6);

function allow(characters: string, flags: number): void {
  for (const character of characters)
    CLASSES[character.charCodeAt(0)] = (CLASSES[character.charCodeAt(0)] ?? 0) | flags;
}

/** The octets of a text. */
export function word(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

const VIA = word('via');
const FROM = word('from');
const TO = word('to');
const CALL_ID = word('call-id');
const CSEQ = word('cseq');
const MAX_FORWARDS = word('max-forwards');
const CONTACT = word('contact');
const CONTENT_LENGTH = word('content-length');
const RECORD_ROUTE = word('record-route');

export const NamedField = {
  Other: 0,
  Via: 1,
  From: 2,
  To: 3,
  CallId: 4,
  CSeq: 5,
  MaxForwards: 6,
  Contact: 7,
  Length: 8,
  RecordRoute: 9,
} as const;
export type NamedField = (typeof NamedField)[keyof typeof NamedField];

/** Which field a name is, compact forms (RFC 3261 §7.3.3) and letters of either case included. */
export function fieldOf(octets: Buffer, at: number, colon: number): NamedField {
  switch (colon - at) {
    case 1:
      return compactFieldOf(lower(octets[at] as number));
    case 2:
      return isNamed(octets, at, colon, TO) ? NamedField.To : NamedField.Other;
    case 3:
      return isNamed(octets, at, colon, VIA) ? NamedField.Via : NamedField.Other;
    case 4:
      if (isNamed(octets, at, colon, FROM)) return NamedField.From;
      return isNamed(octets, at, colon, CSEQ) ? NamedField.CSeq : NamedField.Other;
    case 7:
      if (isNamed(octets, at, colon, CALL_ID)) return NamedField.CallId;
      return isNamed(octets, at, colon, CONTACT) ? NamedField.Contact : NamedField.Other;
    case 12:
      if (isNamed(octets, at, colon, MAX_FORWARDS)) return NamedField.MaxForwards;
      return isNamed(octets, at, colon, RECORD_ROUTE) ? NamedField.RecordRoute : NamedField.Other;
    case 14:
      return isNamed(octets, at, colon, CONTENT_LENGTH) ? NamedField.Length : NamedField.Other;
    default:
      return NamedField.Other;
  }
}

function compactFieldOf(letter: number): NamedField {
  switch (letter) {
    case 0x76:
      return NamedField.Via;
    case 0x66:
      return NamedField.From;
    case 0x74:
      return NamedField.To;
    case 0x69:
      return NamedField.CallId;
    case 0x6d:
      return NamedField.Contact;
    case 0x6c:
      return NamedField.Length;
    default:
      return NamedField.Other;
  }
}

export function isDigit(code: number): boolean {
  return code >= DIGIT_0 && code <= DIGIT_9;
}

/** Whether the octet at a place is one of these. */
export function isOf(octets: Buffer, at: number, flag: number): boolean {
  return ((CLASSES[octets[at] as number] as number) & flag) !== 0;
}

function lower(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code | 0x20 : code;
}

/** Whether these octets stand there. */
export function startsWith(octets: Buffer, at: number, word: Buffer): boolean {
  for (let index = 0; index < word.length; index++) if (octets[at + index] !== word[index]) return false;
  return true;
}

/** Whether this is a field's or a parameter's name, in letters of either case. */
export function isNamed(octets: Buffer, start: number, end: number, name: Buffer): boolean {
  if (end - start !== name.length) return false;
  for (let index = 0; index < name.length; index++)
    if (lower(octets[start + index] as number) !== name[index]) return false;
  return true;
}

/** Of a name, the same for letters of either case; no number of a {@link NamedField}. */
export function hashOf(octets: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ lower(octets[at] as number), 0x01000193);
  return hash | 0x100;
}
