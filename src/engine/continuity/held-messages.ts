/** What waits until it is known whose the calls are, in the order in which it came. */

/** At most: of known addresses about as much as a socket holds, and little of strangers. */
const MAX_KNOWN = { messages: 20_000, octets: 15 * 1024 * 1024 };
const MAX_STRANGE = { messages: 1_000, octets: 1024 * 1024 };

export class HeldMessages {
  readonly #acts: (() => void)[] = [];
  readonly #known = { messages: 0, octets: 0 };
  readonly #strange = { messages: 0, octets: 0 };
  /** Messages that found no place. */
  dropped = 0;

  /** Messages and ends of connections. */
  get size(): number {
    return this.#acts.length;
  }

  /** A message of so many octets, if there is place for it. */
  add(serve: () => void, octets: number, isKnown: boolean): void {
    const [held, most] = isKnown ? [this.#known, MAX_KNOWN] : [this.#strange, MAX_STRANGE];
    if (held.messages >= most.messages || held.octets + octets > most.octets) {
      this.dropped++;
      return;
    }
    held.messages++;
    held.octets += octets;
    this.#acts.push(serve);
  }

  /** The end of a connection: always. */
  addEnd(tell: () => void): void {
    this.#acts.push(tell);
  }

  all(): readonly (() => void)[] {
    return this.#acts;
  }
}
