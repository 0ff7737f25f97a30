/**
 * Items that wait, by source: each source has its turn, so one that sends much waits for itself. Bounded in all and, when it is nearly
 * full, per source: the place of a source that has fewer than its share is never taken by another.
 */
export class FairQueue<Item> {
  readonly #most: number;
  readonly #sources = new Map<string, Line<Item>>();
  /** Sources with something that waits, in the order of their turns. */
  #turns: Line<Item>[] = [];
  #next = 0;
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#size;
  }

  /** How many sources have something that waits. */
  get sourceCount(): number {
    return this.#sources.size;
  }

  /** What waits of one source. */
  waitingOf(source: string): number {
    const line = this.#sources.get(source);
    return line === undefined ? 0 : line.items.length - line.head;
  }

  /** Whether there is a place for one more of a source. */
  hasPlace(source: string): boolean {
    if (this.#size < this.#most) return true;
    // A source under its share takes a place above the limit; sources are bounded by what is read at a time.
    return this.#size < 2 * this.#most && this.waitingOf(source) * (this.sourceCount + 1) < this.#most;
  }

  /** False: there is no place for it. */
  add(source: string, item: Item): boolean {
    if (!this.hasPlace(source)) return false;
    this.putBack(source, item);
    return true;
  }

  /** Adds what has had a place already, behind what waits of its source. */
  putBack(source: string, item: Item): void {
    let line = this.#sources.get(source);
    if (line === undefined) {
      line = { source, items: [], head: 0 };
      this.#sources.set(source, line);
      this.#turns.push(line);
    }
    line.items.push(item);
    this.#size++;
  }

  /** The next item of the source whose turn it is. */
  take(): Item | undefined {
    if (this.#size === 0) return undefined;
    if (this.#next >= this.#turns.length) this.#next = 0;
    const line = this.#turns[this.#next] as Line<Item>;
    const item = line.items[line.head++];
    this.#size--;
    if (line.head < line.items.length) this.#next++;
    else this.#end(this.#next);
    return item;
  }

  /** Takes the items at the head of each line of which this holds, and hands them over. */
  takeWhile(holds: (item: Item) => boolean, to: (item: Item) => void): void {
    for (let turn = this.#turns.length - 1; turn >= 0; turn--) {
      const line = this.#turns[turn] as Line<Item>;
      for (; line.head < line.items.length; line.head++) {
        const item = line.items[line.head] as Item;
        if (!holds(item)) break;
        this.#size--;
        to(item);
      }
      if (line.head === line.items.length) this.#end(turn);
    }
  }

  /** Nothing waits in the line at this place any more. */
  #end(turn: number): void {
    const line = this.#turns[turn] as Line<Item>;
    this.#sources.delete(line.source);
    const last = this.#turns.pop() as Line<Item>;
    if (last !== line) this.#turns[turn] = last;
  }
}

interface Line<Item> {
  readonly source: string;
  readonly items: Item[];
  head: number;
}
