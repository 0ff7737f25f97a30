/**
 * A part that is made later than the one that needs it: given once, before there is work. One that was forgotten is an error at its first
 * use, not a limit that is off without a sound.
 */
export class Later<Part extends object> {
  readonly #name: string;
  #part: Part | undefined = undefined;

  /** @param name for the error */
  constructor(name: string) {
    this.#name = name;
  }

  /** Throws when it was given before. */
  give(part: Part): void {
    if (this.#part !== undefined) throw new Error(`${this.#name} is given a second time`);
    this.#part = part;
  }

  /** Throws while it was not given. */
  get part(): Part {
    if (this.#part === undefined) throw new Error(`${this.#name} was never given`);
    return this.#part;
  }
}
