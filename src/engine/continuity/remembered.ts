const MOST = 50_000;

/** Ids of calls that are over, or have gone to others, and that nobody shall begin again: of too many the oldest is forgotten. */
export class Remembered implements Iterable<string> {
  readonly #ids = new Set<string>();

  add(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size <= MOST) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#ids.values();
  }
}
