import { PeerError } from '../../base/errors.ts';
import { closingQuote, isParamCode, isTokenCode, quote, skipSpace, trimEnd, unquote } from './characters.ts';

/** Most parameters that one field or URI may carry; a longer list is refused. */
const MAX_PARAMS = 128;

/** Where the parameters stand decides how a value is made safe: quoted in a header field, percent-escaped in a URI. */
export type ParamStyle = 'header' | 'uri';

/**
 * The `;name=value` parameters of a header field or URI. Names are case-insensitive and keep their order and spelling
 * (RFC 3261 §7.3.1). They live in arrays, never as properties, so that a parameter named `__proto__` is a parameter.
 */
export class Params {
  readonly style: ParamStyle;
  readonly #names: string[] = [];
  readonly #values: (string | undefined)[] = [];

  constructor(style: ParamStyle = 'header') {
    this.style = style;
  }

  get size(): number {
    return this.#names.length;
  }

  /** The value without its quotes; empty for a parameter without value; undefined when there is none. The first of equal names counts. */
  get(name: string): string | undefined {
    const index = this.#indexOf(name);
    if (index < 0) return undefined;
    const value = this.#values[index] ?? '';
    return value.charCodeAt(0) === 0x22 ? unquote(value) : value;
  }

  /** The value as written, quotes included. */
  raw(name: string): string | undefined {
    const index = this.#indexOf(name);
    return index < 0 ? undefined : (this.#values[index] ?? '');
  }

  has(name: string): boolean {
    return this.#indexOf(name) >= 0;
  }

  /** Sets or adds a parameter; without a value it stands alone, like `lr`. A value that needs it is quoted or escaped. */
  set(name: string, value?: string): this {
    const written = value === undefined ? undefined : this.#safe(value);
    const index = this.#indexOf(name);
    if (index < 0) this.append(name, written);
    else this.#values[index] = written;
    return this;
  }

  /** Like `set`, with the value in quotes even where a token would do: where the grammar has a quoted string only. */
  setQuoted(name: string, value: string): this {
    return this.set(name, quote(value));
  }

  /** Adds what was read, as it was read. */
  append(name: string, written: string | undefined): void {
    if (this.#names.length >= MAX_PARAMS) throw new PeerError('SIP_PEER_PARAMS', `more than ${MAX_PARAMS} parameters`);
    this.#names.push(name);
    this.#values.push(written);
  }

  delete(name: string): boolean {
    let removed = false;
    for (let index = this.#indexOf(name); index >= 0; index = this.#indexOf(name)) {
      this.#names.splice(index, 1);
      this.#values.splice(index, 1);
      removed = true;
    }
    return removed;
  }

  /** Name and value (unquoted) of each parameter in order. */
  entries(): [name: string, value: string | undefined][] {
    return this.#names.map((name, index) => {
      const value = this.#values[index];
      return [name, value === undefined ? undefined : unquote(value)];
    });
  }

  /** True when a name occurs more than once, which §7.3.1 forbids. */
  hasDuplicates(): boolean {
    const names = this.#names;
    if (names.length < 2) return false;
    if (names.length === 2) return (names[0] as string).toLowerCase() === (names[1] as string).toLowerCase();
    return new Set(names.map((name) => name.toLowerCase())).size !== names.length;
  }

  clone(): Params {
    const copy = new Params(this.style);
    for (let index = 0; index < this.#names.length; index++) {
      copy.#names.push(this.#names[index] as string);
      copy.#values.push(this.#values[index]);
    }
    return copy;
  }

  /** `;name=value;…`, or an empty string. */
  toString(): string {
    let text = '';
    for (let index = 0; index < this.#names.length; index++) {
      const value = this.#values[index];
      text += value === undefined ? `;${this.#names[index]}` : `;${this.#names[index]}=${value}`;
    }
    return text;
  }

  #indexOf(name: string): number {
    for (let index = 0; index < this.#names.length; index++) {
      const candidate = this.#names[index] as string;
      if (candidate === name) return index;
      if (candidate.length === name.length && candidate.toLowerCase() === name.toLowerCase()) return index;
    }
    return -1;
  }

  #safe(value: string): string {
    if (this.style === 'uri') return escapeParam(value);
    if (value.length > 1 && value.charCodeAt(0) === 0x22 && closingQuote(value, 0) === value.length - 1) return value;
    return isTokenOrHost(value) ? value : quote(value);
  }
}

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

/**
 * Reads `;name=value` pairs of a header field from `text[index, end)`, where `index` stands at a semicolon or at the end.
 * White space is allowed around `;` and `=` (§25.1 SEMI, EQUAL).
 */
export function readParams(text: string, index: number, end: number, what: string): Params {
  const params = new Params('header');
  index = skipSpace(text, index, end);
  while (index < end) {
    if (text.charCodeAt(index) !== 0x3b) throw broken(what, 'a semicolon', text, index);
    index = skipSpace(text, index + 1, end);
    const nameStart = index;
    while (index < end && isTokenCode(text.charCodeAt(index))) index++;
    if (index === nameStart) throw broken(what, 'a parameter name', text, index);
    const name = text.slice(nameStart, index);
    index = skipSpace(text, index, end);
    if (index >= end || text.charCodeAt(index) !== 0x3d) {
      params.append(name, undefined);
      continue;
    }
    const valueStart = skipSpace(text, index + 1, end);
    index = valueEnd(text, valueStart, end, what);
    params.append(name, text.slice(valueStart, trimEnd(text, valueStart, index)));
    index = skipSpace(text, index, end);
  }
  return params;
}

/**
 * DEVIATION: a value may hold any octet but `;`, `,`, `"`, `<`, `>` and white space, since `/`, `@` and `=` occur unquoted in tags and
 * instance ids of phones in the field. Nothing of it can end the field or start another parameter.
 */
function valueEnd(text: string, start: number, end: number, what: string): number {
  if (start < end && text.charCodeAt(start) === 0x22) {
    const close = closingQuote(text, start, end);
    if (close < 0) throw broken(what, 'a closing quote', text, start);
    return close + 1;
  }
  let index = start;
  for (; index < end; index++) {
    const code = text.charCodeAt(index);
    if (code <= 0x20 || code === 0x3b || code === 0x2c || code === 0x22 || code === 0x3c || code === 0x3e) break;
  }
  if (index === start) throw broken(what, 'a parameter value', text, start);
  return index;
}

function broken(what: string, expected: string, text: string, index: number): PeerError {
  const found = index < text.length ? JSON.stringify(text.slice(index, index + 16)) : 'the end';
  return new PeerError('SIP_PEER_PARAMS', `${what}: expected ${expected}, found ${found}`);
}
