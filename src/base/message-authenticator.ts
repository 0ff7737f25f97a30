import { hash } from 'node:crypto';

/**
 * HMAC-SHA-256 (RFC 2104) by two one-shot hashes, twice as fast as `createHmac`. The key is 64 hexadecimal digits, exactly one
 * block; a hexadecimal digit XORed with either pad is still ASCII, so the inner hash can take a string.
 */
export class MessageAuthenticator {
  readonly #innerPad: string;
  readonly #shortPad: string;
  readonly #outer = Buffer.alloc(64 + 32);

  constructor(secret: Uint8Array) {
    const key = hash('sha256', secret);
    this.#innerPad = xor(key, 0x36);
    this.#shortPad = xor(key, 0x6a);
    this.#outer.write(xor(key, 0x5c), 0, 'latin1');
  }

  hex(text: string): string {
    return this.#over(text, 'hex');
  }

  /** The same in fewer characters: letters, digits, `-` and `_`. */
  base64url(text: string): string {
    return this.#over(text, 'base64url');
  }

  /**
   * The first characters of one hash over another key and the text, for what is made by the thousand: a MAC too, since most of the hash is
   * withheld, and nobody can go on hashing from a part of it (AMAC: Bellare, Bernstein and Tessaro 2016). 20 at most.
   */
  short(text: string, encoding: 'hex' | 'base64url', characters: number): string {
    return hash('sha256', this.#shortPad + text, encoding).slice(0, characters);
  }

  #over(text: string, encoding: 'hex' | 'base64url'): string {
    // As a string of octets: a buffer of its own takes longer than the hash.
    this.#outer.write(hash('sha256', this.#innerPad + text, 'binary'), 64, 'latin1');
    return hash('sha256', this.#outer, encoding);
  }
}

function xor(text: string, pad: number): string {
  let mixed = '';
  for (let index = 0; index < text.length; index++) mixed += String.fromCharCode(text.charCodeAt(index) ^ pad);
  return mixed;
}
