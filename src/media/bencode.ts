/**
 * Bencode, as rtpengine's ng protocol frames its messages: strings of octets, integers, lists and dictionaries. Strings are latin1 text,
 * one character an octet, as SIP bodies are here. Sixty lines of our own: the packages for it are made for torrent files and read text as UTF-8.
 */
export type Bencodable = string | number | readonly Bencodable[] | { readonly [key: string]: Bencodable | undefined };

export type Bencoded = string | number | Bencoded[] | { [key: string]: Bencoded };
export type BencodedFields = { [key: string]: Bencoded };

/** A level of nesting takes a level of the stack. */
const MAX_DEPTH = 32;

/** Keys in order, as the format has them; what is undefined is left out. */
export function bencode(value: Bencodable): string {
  if (typeof value === 'string') return `${value.length}:${value}`;
  if (typeof value === 'number') return `i${Math.trunc(value)}e`;
  if (isList(value)) return `l${value.map(bencode).join('')}e`;
  let text = 'd';
  for (const key of Object.keys(value).sort()) {
    const field = value[key];
    if (field !== undefined) text += `${key.length}:${key}${bencode(field)}`;
  }
  return `${text}e`;
}

/** Undefined for what is not one whole bencoded value. */
export function bdecode(text: string): Bencoded | undefined {
  const reader = new Reader(text);
  const value = reader.value(0);
  return reader.atEnd ? value : undefined;
}

function isList(value: Bencodable): value is readonly Bencodable[] {
  return Array.isArray(value);
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at === this.#text.length;
  }

  value(depth: number): Bencoded | undefined {
    if (depth > MAX_DEPTH) return undefined;
    switch (this.#text[this.#at]) {
      case 'i':
        return this.#number('i'.length, 'e');
      case 'l':
        return this.#list(depth);
      case 'd':
        return this.#fields(depth);
      default:
        return this.#string();
    }
  }

  #number(skip: number, end: string): number | undefined {
    const to = this.#text.indexOf(end, this.#at);
    const digits = this.#text.slice(this.#at + skip, to);
    if (to < 0 || !/^-?[0-9]{1,16}$/.test(digits)) return undefined;
    this.#at = to + end.length;
    return Number(digits);
  }

  #string(): string | undefined {
    const length = this.#number(0, ':');
    if (length === undefined || length < 0 || this.#at + length > this.#text.length) return undefined;
    this.#at += length;
    return this.#text.slice(this.#at - length, this.#at);
  }

  #list(depth: number): Bencoded[] | undefined {
    const list: Bencoded[] = [];
    for (this.#at++; this.#text[this.#at] !== 'e'; ) {
      const value = this.value(depth + 1);
      if (value === undefined) return undefined;
      list.push(value);
    }
    this.#at++;
    return list;
  }

  #fields(depth: number): BencodedFields | undefined {
    const fields: BencodedFields = Object.create(null);
    for (this.#at++; this.#text[this.#at] !== 'e'; ) {
      const key = this.#string();
      const value = key === undefined ? undefined : this.value(depth + 1);
      if (key === undefined || value === undefined) return undefined;
      fields[key] = value;
    }
    this.#at++;
    return fields;
  }
}
