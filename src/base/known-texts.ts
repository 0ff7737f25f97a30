import { ownCopy } from './text.ts';

/**
 * Texts made of two values each, of which there are few: one string for all that say the same, and nothing is put together again. Beyond
 * so many they are made anew.
 */
export class KnownTexts<Second extends string | number | undefined> {
  readonly #make: (first: string, second: Second) => string;
  readonly #most: number;
  readonly #texts = new Map<string, Map<Second, string>>();
  #count = 0;

  constructor(make: (first: string, second: Second) => string, most = 1000) {
    this.#make = make;
    this.#most = most;
  }

  of(first: string, second: Second): string {
    const known = this.#texts.get(first);
    const text = known?.get(second);
    if (text !== undefined) return text;
    const made = ownCopy(this.#make(first, second));
    if (this.#count < this.#most) {
      this.#count++;
      // Neither may keep a message alive that it was cut from.
      const key = typeof second === 'string' ? (ownCopy(second) as Second) : second;
      if (known === undefined) this.#texts.set(ownCopy(first), new Map([[key, made]]));
      else known.set(key, made);
    }
    return made;
  }
}
