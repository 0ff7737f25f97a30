const FIRST_PLACES = 64;

/**
 * Entries by hashes, linked in place: coming and going leaves no garbage and costs a look at two objects. They are in no Map: one whose
 * entries come and go is made anew all the time, and where one of its former tables has grown old so does all that was in the later ones.
 * Whoever derives from it says where the link of an entry is, and which of those of one place are meant.
 */
export abstract class LinkedPlaces<T> {
  #places: (T | undefined)[] = new Array(FIRST_PLACES).fill(undefined);
  #size = 0;

  /** The same as long as the entry is held. */
  protected abstract hashOf(entry: T): number;
  /** The next one in the same place. */
  protected abstract linkOf(entry: T): T | undefined;
  protected abstract link(entry: T, next: T | undefined): void;

  get size(): number {
    return this.#size;
  }

  /** Of those in the place of this hash the one that was added last. */
  protected firstAt(hash: number): T | undefined {
    return this.#places[hash & (this.#places.length - 1)];
  }

  add(entry: T): void {
    if (this.#size === this.#places.length) this.#spread();
    this.#put(entry);
    this.#size++;
  }

  /** False: it was not there. */
  delete(entry: T): boolean {
    const place = this.hashOf(entry) & (this.#places.length - 1);
    let before: T | undefined;
    let each = this.#places[place];
    while (each !== undefined && each !== entry) {
      before = each;
      each = this.linkOf(each);
    }
    if (each === undefined) return false;
    if (before === undefined) this.#places[place] = this.linkOf(entry);
    else this.link(before, this.linkOf(entry));
    this.link(entry, undefined);
    this.#size--;
    return true;
  }

  clear(): void {
    this.#places = new Array(FIRST_PLACES).fill(undefined);
    this.#size = 0;
  }

  forEach(visit: (entry: T) => void): void {
    for (const first of this.#places) for (let each = first; each !== undefined; each = this.linkOf(each)) visit(each);
  }

  #put(entry: T): void {
    const place = this.hashOf(entry) & (this.#places.length - 1);
    this.link(entry, this.#places[place]);
    this.#places[place] = entry;
  }

  /** Over twice as many places. */
  #spread(): void {
    const entries: T[] = [];
    this.forEach((entry) => {
      entries.push(entry);
    });
    this.#places = new Array(2 * this.#places.length).fill(undefined);
    // Backwards: of those that are alike the one added last comes first again.
    for (let index = entries.length - 1; index >= 0; index--) this.#put(entries[index] as T);
  }
}
