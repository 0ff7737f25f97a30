const FIRST_OCTETS = 16_384;
/** Memory for a longer message is let go of with the next. */
const MOST_KEPT_OCTETS = 131_072;
/** Shorter texts are written sooner than the runtime is called to write them. */
const LONGEST_BY_HAND = 12;
/** Nearly free of cost where a text has one octet a character. */
const NO_OCTET = /[\u0100-\uffff]/;

/**
 * Puts latin1 texts together, part by part, in memory that all of them share: parts joined with `+` are an object each, out of which the
 * whole is copied.
 */
export class OctetWriter {
  /** Octets written. */
  length = 0;
  /** All that was put was one octet a character. */
  isOctets = true;
  #octets = Buffer.allocUnsafeSlow(FIRST_OCTETS);

  /** What was written before is forgotten. */
  begin(): void {
    this.length = 0;
    this.isOctets = true;
    if (this.#octets.length > MOST_KEPT_OCTETS) this.#octets = Buffer.allocUnsafeSlow(FIRST_OCTETS);
  }

  /** A text of which it is known that it is octets. */
  putOctets(text: string): void {
    const { length } = text;
    const at = this.#take(length);
    const octets = this.#octets;
    if (length > LONGEST_BY_HAND) octets.write(text, at, 'latin1');
    else for (let index = 0; index < length; index++) octets[at + index] = text.charCodeAt(index);
  }

  put(text: string): void {
    if (NO_OCTET.test(text)) this.isOctets = false;
    this.putOctets(text);
  }

  text(): string {
    return this.#octets.toString('latin1', 0, this.length);
  }

  /** Where what comes next begins. */
  #take(length: number): number {
    const at = this.length;
    this.length = at + length;
    if (this.length > this.#octets.length) {
      const octets = Buffer.allocUnsafeSlow(2 * this.length);
      this.#octets.copy(octets, 0, 0, at);
      this.#octets = octets;
    }
    return at;
  }
}
