import { LatestPairs } from './latest-pairs.ts';
import { ownCopy } from './text.ts';

/**
 * Texts made of two values each, of which there are few: one string for all that say the same, and nothing is put together again. Beyond
 * so many those that are not in use are made anew.
 */
export class KnownTexts<Second extends string | number | undefined> {
  readonly #make: (first: string, second: Second) => string;
  readonly #texts: LatestPairs<string, Second, string>;

  constructor(make: (first: string, second: Second) => string, most = 1000) {
    this.#make = make;
    this.#texts = new LatestPairs(most);
  }

  of(first: string, second: Second): string {
    const text = this.#texts.get(first, second);
    if (text !== undefined) return text;
    const made = ownCopy(this.#make(first, second));
    // Neither may keep a message alive that it was cut from.
    this.#texts.set(ownCopy(first), typeof second === 'string' ? (ownCopy(second) as Second) : second, made);
    return made;
  }
}
