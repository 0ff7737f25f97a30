/** What a {@link TokenMap} holds; it links entries itself. */
export interface TokenEntry<T> {
  /** Never changes while the entry is held. */
  readonly token: string;
  /** The map's own: the next entry of the same place. */
  nextHeld: T | undefined;
}

const FIRST_PLACES = 64;
/** So many characters at the end of a token say where it is held. */
const TELLING = 8;

/**
 * Entries by tokens that this engine has drawn itself: branches and tags. A token is random already, so a few of its characters are the
 * hash; entries are linked in place, so that coming and going leaves no garbage and costs a look at two objects. Entries may share a
 * token. Not for names that peers choose: they could choose them so that all are held in one place.
 */
export class TokenMap<T extends TokenEntry<T>> {
  #places: (T | undefined)[] = new Array(FIRST_PLACES).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The entry of this token that was added last. */
  first(token: string): T | undefined {
    return sameToken(token, this.#places[this.#placeOf(token)]);
  }

  /** The one of the same token that was added before it. */
  next(entry: T): T | undefined {
    return sameToken(entry.token, entry.nextHeld);
  }

  add(entry: T): void {
    if (this.#size === this.#places.length) this.#spread(this.#size * 2);
    const place = this.#placeOf(entry.token);
    entry.nextHeld = this.#places[place];
    this.#places[place] = entry;
    this.#size++;
  }

  /** False when it is not held. */
  delete(entry: T): boolean {
    const place = this.#placeOf(entry.token);
    let before: T | undefined;
    let each = this.#places[place];
    while (each !== undefined && each !== entry) {
      before = each;
      each = each.nextHeld;
    }
    if (each === undefined) return false;
    if (before === undefined) this.#places[place] = entry.nextHeld;
    else before.nextHeld = entry.nextHeld;
    entry.nextHeld = undefined;
    this.#size--;
    return true;
  }

  clear(): void {
    this.#places = new Array(FIRST_PLACES).fill(undefined);
    this.#size = 0;
  }

  forEach(visit: (entry: T) => void): void {
    for (const first of this.#places) for (let each = first; each !== undefined; each = each.nextHeld) visit(each);
  }

  #spread(places: number): void {
    const entries: T[] = [];
    this.forEach((entry) => {
      entries.push(entry);
    });
    this.#places = new Array(places).fill(undefined);
    // Backwards: of those that share a token the one added last comes first again.
    for (let index = entries.length - 1; index >= 0; index--) {
      const entry = entries[index] as T;
      const place = this.#placeOf(entry.token);
      entry.nextHeld = this.#places[place];
      this.#places[place] = entry;
    }
  }

  #placeOf(token: string): number {
    let hash = 0;
    for (let index = Math.max(token.length - TELLING, 0); index < token.length; index++)
      hash = Math.imul(hash, 31) + token.charCodeAt(index);
    // Hexadecimal digits differ in few bits.
    return (hash ^ (hash >>> 7) ^ (hash >>> 17)) & (this.#places.length - 1);
  }
}

function sameToken<T extends TokenEntry<T>>(token: string, from: T | undefined): T | undefined {
  let entry = from;
  while (entry !== undefined && entry.token !== token) entry = entry.nextHeld;
  return entry;
}
