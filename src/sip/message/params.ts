import { PeerError } from '../../base/errors.ts';
import {
  closingQuote,
  isParamCode,
  isSameWord,
  isTokenCode,
  isValueCode,
  quote,
  skipSpace,
  trimEnd,
  unquote,
} from './characters.ts';
import { wordAt, wordsByLength } from './words.ts';

/** Most parameters that one field or URI may carry; a longer list is refused. */
const MAX_PARAMS = 128;

/** Up to this many names are compared pair by pair, which costs less than a set. */
const FEW_PARAMS = 8;

/** The names that nearly all parameters have. */
const PARAM_NAMES = wordsByLength(['tag', 'branch', 'rport', 'received', 'user', 'transport', 'lr', 'ob', 'expires']);

/** Never written to. */
const NO_ITEMS: (string | undefined)[] = [];

/** Where the parameters stand decides how a value is made safe: quoted in a header field, percent-escaped in a URI. */
export type ParamStyle = 'header' | 'uri';

/**
 * The `;name=value` parameters of a header field or URI. Names are case-insensitive and keep their order and spelling
 * (RFC 3261 §7.3.1). They live in arrays, never as properties, so that a parameter named `__proto__` is a parameter.
 */
export class Params {
  readonly style: ParamStyle;
  /** Name and value in turn; shared and empty until something is added, since most URIs have none. */
  #items: (string | undefined)[];

  /** `items`: names and values as they are written. */
  constructor(style: ParamStyle = 'header', items = NO_ITEMS) {
    this.style = style;
    this.#items = items;
  }

  get size(): number {
    return this.#items.length >> 1;
  }

  /** The value without its quotes; empty for a parameter without value; undefined when there is none. The first of equal names counts. */
  get(name: string): string | undefined {
    const value = this.raw(name);
    return value !== undefined && value.charCodeAt(0) === 0x22 ? unquote(value) : value;
  }

  /** The value as written, quotes included. */
  raw(name: string): string | undefined {
    const at = this.#find(name);
    return at < 0 ? undefined : (this.#items[at + 1] ?? '');
  }

  has(name: string): boolean {
    return this.#find(name) >= 0;
  }

  /** Sets or adds a parameter; without a value it stands alone, like `lr`. A value that needs it is quoted or escaped. */
  set(name: string, value?: string): this {
    const written = value === undefined ? undefined : this.#safe(value);
    const at = this.#find(name);
    if (at >= 0) this.#items[at + 1] = written;
    else if (this.#items === NO_ITEMS) this.#items = [name, written];
    else this.#items.push(name, written);
    return this;
  }

  delete(name: string): boolean {
    let removed = false;
    for (let at = this.#find(name); at >= 0; at = this.#find(name)) {
      this.#items.splice(at, 2);
      removed = true;
    }
    return removed;
  }

  /** Name and value (unquoted) of each parameter in order. */
  entries(): [name: string, value: string | undefined][] {
    const entries: [string, string | undefined][] = [];
    for (let at = 0; at < this.#items.length; at += 2) {
      const value = this.#items[at + 1];
      entries.push([this.#items[at] as string, value === undefined ? undefined : unquote(value)]);
    }
    return entries;
  }

  /** True when a name (any, or this one) occurs more than once, which §7.3.1 forbids, with different values. */
  hasDuplicates(name?: string): boolean {
    if (name !== undefined) {
      const first = this.#find(name);
      return first >= 0 && this.#find(name, first + 2) >= 0;
    }
    if (this.size < 2) return false;
    if (this.size <= FEW_PARAMS) {
      for (let at = 2; at < this.#items.length; at += 2) if (this.#find(this.#items[at] as string) !== at) return true;
      return false;
    }
    const seen = new Set<string>();
    for (let at = 0; at < this.#items.length; at += 2) seen.add((this.#items[at] as string).toLowerCase());
    return seen.size !== this.size;
  }

  clone(): Params {
    return new Params(this.style, this.size === 0 ? NO_ITEMS : this.#items.slice());
  }

  /** `;name=value;…`, or an empty string. */
  toString(): string {
    let text = '';
    for (let at = 0; at < this.#items.length; at += 2) {
      const value = this.#items[at + 1];
      text += value === undefined ? `;${this.#items[at]}` : `;${this.#items[at]}=${value}`;
    }
    return text;
  }

  #find(name: string, from = 0): number {
    return placeOf(name, this.#items, from, this.#items.length);
  }

  #safe(value: string): string {
    if (this.style === 'uri') return escapeParam(value);
    if (value.length > 1 && value.charCodeAt(0) === 0x22 && closingQuote(value, 0) === value.length - 1) return value;
    return isTokenOrHost(value) ? value : quote(value);
  }
}

/** Place of the name in `items[from, end)`, or -1. */
function placeOf(name: string, items: readonly (string | undefined)[], from: number, end: number): number {
  for (let at = from; at < end; at += 2) {
    const candidate = items[at] as string;
    if (candidate === name) return at;
    if (candidate.length === name.length && candidate.toLowerCase() === name.toLowerCase()) return at;
  }
  return -1;
}

/** Gathers the parameters of a list while it is read, so that {@link Params} has an array of just the size. One list is read at a time. */
class ParamGathering {
  readonly #items: (string | undefined)[] = [];
  #length = 0;
  #count = 0;

  start(): void {
    this.#length = 0;
    this.#count = 0;
  }

  /** Adds what was read, as it was read; what stands there already with the same value is taken once, and an empty one (`tag=`) beside another says nothing. */
  add(name: string, written: string | undefined): void {
    // Repetitions count as well: each is compared with all.
    if (++this.#count > MAX_PARAMS) throw tooMany();
    const at = placeOf(name, this.#items, 0, this.#length);
    const known = this.#items[at + 1];
    if (at >= 0 && (written === '' || (known ?? '') === (written ?? ''))) return;
    if (at >= 0 && known === '') {
      this.#items[at + 1] = written;
      return;
    }
    this.#items[this.#length++] = name;
    this.#items[this.#length++] = written;
  }

  take(style: ParamStyle): Params {
    return new Params(style, this.#length === 0 ? NO_ITEMS : this.#items.slice(0, this.#length));
  }
}

export const gathering = new ParamGathering();

/** gen-value = token / host / quoted-string (§25.1): host adds `[`, `]` and `:`. */
function isTokenOrHost(value: string): boolean {
  if (value.length === 0) return false;
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (!isTokenCode(code) && code !== 0x3a && code !== 0x5b && code !== 0x5d) return false;
  }
  return true;
}

function escapeParam(value: string): string {
  let result = '';
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (isParamCode(code) || code === 0x25) result += value[index];
    else result += `%${(code & 0xff).toString(16).padStart(2, '0').toUpperCase()}`;
  }
  return result;
}

// The pair that `readPair` read last; a value that starts at -1 is none.
let nameStart = 0;
let nameEnd = 0;
let valueStart = -1;
let valueEnd = 0;

/**
 * Reads the next `;name=value` pair of a header field from `text[index, end)`, where `index` stands at a semicolon or at the end; returns
 * where to go on, or -1 when there is no more. White space is allowed around `;` and `=` (§25.1 SEMI, EQUAL). DEVIATION: an empty
 * parameter (`;;`, or a `;` at the end) says nothing and is passed over, and a value may be empty (`;tag=`); both occur in the field.
 */
function readPair(text: string, index: number, end: number, what: string): number {
  index = skipSpace(text, index, end);
  do {
    if (index >= end) return -1;
    if (text.charCodeAt(index) !== 0x3b) throw broken(what, 'a semicolon', text, index);
    index = skipSpace(text, index + 1, end);
  } while (index >= end || text.charCodeAt(index) === 0x3b);
  nameStart = index;
  while (index < end && isTokenCode(text.charCodeAt(index))) index++;
  if (index === nameStart) throw broken(what, 'a parameter name', text, index);
  nameEnd = index;
  index = skipSpace(text, index, end);
  valueStart = -1;
  if (index >= end || text.charCodeAt(index) !== 0x3d) return index;
  valueStart = skipSpace(text, index + 1, end);
  index = endOfValue(text, valueStart, end, what);
  valueEnd = trimEnd(text, valueStart, index);
  return index;
}

/** The parameters of a header field in `text[index, end)`. */
export function readParams(text: string, index: number, end: number, what: string): Params {
  gathering.start();
  for (let at = readPair(text, index, end, what); at >= 0; at = readPair(text, at, end, what))
    gathering.add(nameAt(text, nameStart, nameEnd), readValue(text));
  return gathering.take('header');
}

/** One of them without the others: the value without its quotes, empty when it has none. Throws when it has two. `name` is in lower case. */
export function readParam(text: string, index: number, end: number, name: string): string | undefined {
  let found: string | undefined;
  let isFound = false;
  let count = 0;
  for (let at = readPair(text, index, end, name); at >= 0; at = readPair(text, at, end, name)) {
    if (++count > MAX_PARAMS) throw tooMany();
    if (nameEnd - nameStart !== name.length || !isSameWord(text, nameStart, name)) continue;
    const value = readValue(text);
    if (!isFound || found === '') found = value;
    else if (value !== '' && (value ?? '') !== (found ?? ''))
      throw new PeerError('SIP_PEER_PARAMS', `two values of ${name}`);
    isFound = true;
  }
  return isFound ? unquote(found ?? '') : undefined;
}

/** A bit of {@link scanParams}: some name may stand there more than once. */
export const MAY_REPEAT = 1 << 30;

// Where the value of the first of the names stands that `scanParams` looked for last; -1: there is none.
let wantedStart = -1;
let wantedEnd = 0;

/**
 * Checks the parameters of a header field in `text[index, end)` without reading them: bit n says that the nth of `names` (in lower case)
 * is among them, {@link MAY_REPEAT} that some name may be there twice. Throws what {@link readParams} throws.
 */
export function scanParams(text: string, index: number, end: number, what: string, names: readonly string[]): number {
  let found = 0;
  let count = 0;
  let others = 0;
  wantedStart = -1;
  for (let at = readPair(text, index, end, what); at >= 0; at = readPair(text, at, end, what)) {
    if (++count > MAX_PARAMS) throw tooMany();
    const place = placeOfName(names, text);
    if (place < 0) {
      if (++others > 1) found |= MAY_REPEAT;
      continue;
    }
    if ((found & (1 << place)) !== 0) found |= MAY_REPEAT;
    else if (place === 0) {
      wantedStart = valueStart;
      wantedEnd = valueEnd;
    }
    found |= 1 << place;
  }
  return found;
}

/** The value without its quotes that the first of the names has, in the text that was scanned last; empty when there is none. */
export function scannedValue(text: string): string {
  return wantedStart < 0 ? '' : unquote(text.slice(wantedStart, wantedEnd));
}

/** Which of the names the pair has that was read last. */
function placeOfName(names: readonly string[], text: string): number {
  for (let place = 0; place < names.length; place++) {
    const name = names[place] as string;
    if (name.length === nameEnd - nameStart && isSameWord(text, nameStart, name)) return place;
  }
  return -1;
}

/** A usual name is always the same string object. */
export function nameAt(text: string, start: number, end: number): string {
  return wordAt(PARAM_NAMES, text, start, end);
}

function readValue(text: string): string | undefined {
  if (valueStart < 0) return undefined;
  const value = text.slice(valueStart, valueEnd);
  return value.charCodeAt(0) === 0x3c ? `"${value}"` : value;
}

/**
 * DEVIATION: a value may hold any octet but `;`, `,`, `"`, `<`, `>` and white space, since `/`, `@` and `=` occur unquoted in tags and
 * instance ids of phones in the field. Nothing of it can end the field or start another parameter. `+sip.instance=<urn:uuid:…>` without
 * its quotes is read as with them.
 */
function endOfValue(text: string, start: number, end: number, what: string): number {
  if (start < end && text.charCodeAt(start) === 0x22) {
    const close = closingQuote(text, start, end);
    if (close < 0) throw broken(what, 'a closing quote', text, start);
    return close + 1;
  }
  if (start < end && text.charCodeAt(start) === 0x3c) return endOfBrackets(text, start, end, what);
  let index = start;
  while (index < end && isValueCode(text.charCodeAt(index))) index++;
  if (index === start && index < end && text.charCodeAt(index) !== 0x3b)
    throw broken(what, 'a parameter value', text, start);
  return index;
}

function endOfBrackets(text: string, start: number, end: number, what: string): number {
  let index = start + 1;
  while (index < end && isValueCode(text.charCodeAt(index))) index++;
  if (index === end || text.charCodeAt(index) !== 0x3e) throw broken(what, 'a parameter value', text, start);
  return index + 1;
}

function tooMany(): PeerError {
  return new PeerError('SIP_PEER_PARAMS', `more than ${MAX_PARAMS} parameters`);
}

function broken(what: string, expected: string, text: string, index: number): PeerError {
  const found = index < text.length ? JSON.stringify(text.slice(index, index + 16)) : 'the end';
  return new PeerError('SIP_PEER_PARAMS', `${what}: expected ${expected}, found ${found}`);
}
