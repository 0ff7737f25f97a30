/**
 * Values in few octets, for what travels in a header field: numbers by their size, and texts by what they are made of (digits, a hex
 * token, an address, a text that was written before). Texts are latin1. Both sides have to read in the order of writing.
 */

/** There is no room for what was to be written, or the octets end before what was to be read. */
export class PackingError extends Error {}

const REPEAT = 0;
const DIGITS = 1;
const HEX = 2;
/** Two texts with `@` between them. */
const JOINED = 3;
const UUID = 4;
const LATIN1 = 5;
const IPV4 = 6;
const SIX_BITS = 7;

/** A length that follows in an octet of its own. */
const LONG = 31;
/** Not worth a reference. */
const SHORTEST_REPEATED = 2;

const DIGIT_CHARACTERS = '0123456789+*#-.';
const SIX_BIT_CHARACTERS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.';
const IS_DIGITS = /^[0-9+*#.-]+$/;
const IS_HEX = /^[0-9a-f]+$/;
const IS_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const IS_IPV4 = /^(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})$/;
const IS_SIX_BITS = /^[0-9A-Za-z.-]+$/;

export class PackedWriter {
  readonly #octets: Buffer;
  readonly #texts: string[] = [];
  #at = 0;

  /** @param room most octets that may be written */
  constructor(room: number) {
    this.#octets = Buffer.allocUnsafe(room);
  }

  /** What was written: a view, not a copy. */
  get octets(): Buffer {
    return this.#octets.subarray(0, this.#at);
  }

  octet(value: number): this {
    if (this.#at >= this.#octets.length) throw new PackingError('no room');
    this.#octets[this.#at++] = value;
    return this;
  }

  /** A whole number below 2**48 in so many octets. */
  fixed(value: number, octets: number): this {
    if (this.#at + octets > this.#octets.length) throw new PackingError('no room');
    this.#at = this.#octets.writeUIntBE(value, this.#at, octets);
    return this;
  }

  /** A whole number from 0: the smaller, the shorter. */
  number(value: number): this {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.octet((rest % 128) | 128);
    return this.octet(rest);
  }

  text(text: string): this {
    if (text.length >= SHORTEST_REPEATED) {
      const seen = this.#texts.indexOf(text);
      if (seen >= 0) return this.#head(REPEAT, seen);
      this.#texts.push(text);
    }
    if (IS_DIGITS.test(text)) {
      if (IS_IPV4.test(text) && text.split('.').every((part) => Number(part) < 256)) {
        this.#head(IPV4, 0);
        for (const part of text.split('.')) this.octet(Number(part));
        return this;
      }
      this.#head(DIGITS, text.length);
      return this.#nibbles(text, DIGIT_CHARACTERS);
    }
    if (IS_HEX.test(text)) {
      this.#head(HEX, text.length);
      return this.#nibbles(text, SIX_BIT_CHARACTERS);
    }
    if (IS_UUID.test(text)) {
      this.#head(UUID, 0);
      return this.#nibbles(text.replaceAll('-', ''), SIX_BIT_CHARACTERS);
    }
    if (IS_SIX_BITS.test(text)) {
      this.#head(SIX_BITS, text.length);
      return this.#sixBits(text);
    }
    const at = text.indexOf('@');
    if (at > 0) {
      this.#head(JOINED, 0);
      return this.text(text.slice(0, at)).text(text.slice(at + 1));
    }
    this.#head(LATIN1, text.length);
    if (this.#at + text.length > this.#octets.length) throw new PackingError('no room');
    this.#at += this.#octets.write(text, this.#at, 'latin1');
    return this;
  }

  #head(kind: number, length: number): this {
    if (length < LONG) return this.octet((kind << 5) | length);
    if (length > 255) throw new PackingError('too long a text');
    return this.octet((kind << 5) | LONG).octet(length);
  }

  #nibbles(text: string, characters: string): this {
    for (let index = 0; index < text.length; index += 2) {
      const low = index + 1 < text.length ? characters.indexOf(text[index + 1] as string) : 0;
      this.octet((characters.indexOf(text[index] as string) << 4) | low);
    }
    return this;
  }

  #sixBits(text: string): this {
    let bits = 0;
    let held = 0;
    for (const character of text) {
      held = (held << 6) | SIX_BIT_CHARACTERS.indexOf(character);
      bits += 6;
      if (bits < 8) continue;
      bits -= 8;
      this.octet((held >>> bits) & 255);
      held &= (1 << bits) - 1;
    }
    return bits === 0 ? this : this.octet((held << (8 - bits)) & 255);
  }
}

export class PackedReader {
  readonly #octets: Buffer;
  readonly #texts: string[] = [];
  #at = 0;

  constructor(octets: Buffer) {
    this.#octets = octets;
  }

  /** Everything was read. */
  get isAtEnd(): boolean {
    return this.#at >= this.#octets.length;
  }

  octet(): number {
    const octet = this.#octets[this.#at++];
    if (octet === undefined) throw new PackingError('ends early');
    return octet;
  }

  fixed(octets: number): number {
    if (this.#at + octets > this.#octets.length) throw new PackingError('ends early');
    this.#at += octets;
    return this.#octets.readUIntBE(this.#at - octets, octets);
  }

  number(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const octet = this.octet();
      value += (octet & 127) * factor;
      if (octet < 128) return value;
      factor *= 128;
    }
  }

  text(): string {
    const head = this.octet();
    const kind = head >>> 5;
    const length = (head & LONG) === LONG ? this.octet() : head & LONG;
    if (kind === REPEAT) {
      const seen = this.#texts[length];
      if (seen === undefined) throw new PackingError('refers to nothing');
      return seen;
    }
    const place = this.#texts.length;
    // The parts of a joined text come after it.
    this.#texts.push('');
    const text = this.#made(kind, length);
    if (text.length >= SHORTEST_REPEATED) this.#texts[place] = text;
    else this.#texts.splice(place, 1);
    return text;
  }

  #made(kind: number, length: number): string {
    switch (kind) {
      case DIGITS:
        return this.#nibbles(length, DIGIT_CHARACTERS);
      case HEX:
        return this.#nibbles(length, SIX_BIT_CHARACTERS);
      case UUID:
        return this.#nibbles(32, SIX_BIT_CHARACTERS).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
      case IPV4:
        return `${this.octet()}.${this.octet()}.${this.octet()}.${this.octet()}`;
      case SIX_BITS:
        return this.#sixBits(length);
      case JOINED:
        return `${this.text()}@${this.text()}`;
      default: {
        const octets = this.#octets.subarray(this.#at, this.#at + length);
        if (octets.length < length) throw new PackingError('ends early');
        this.#at += length;
        return octets.toString('latin1');
      }
    }
  }

  #nibbles(length: number, characters: string): string {
    let text = '';
    while (text.length < length) {
      const octet = this.octet();
      text += characters[octet >>> 4] ?? '';
      if (text.length < length) text += characters[octet & 15] ?? '';
    }
    return text;
  }

  #sixBits(length: number): string {
    let text = '';
    let bits = 0;
    let held = 0;
    while (text.length < length) {
      if (bits < 6) {
        held = (held << 8) | this.octet();
        bits += 8;
      }
      bits -= 6;
      text += SIX_BIT_CHARACTERS[(held >>> bits) & 63];
      held &= (1 << bits) - 1;
    }
    return text;
  }
}
