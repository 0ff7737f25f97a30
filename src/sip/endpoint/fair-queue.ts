import { peerOf } from '../../base/source.ts';

/**
 * Items that wait, by source: each peer has its turn, and in it each of its sources (`base/source.ts`), so one that sends much waits for
 * itself. Bounded in all and, when it is nearly full, per source: the place of a source that has fewer than its share is never taken by
 * another.
 */
export class FairQueue<Item> {
  readonly #most: number;
  readonly #sources = new Map<string, Line<Item>>();
  readonly #peers = new Map<string, Peer<Item>>();
  /** Peers with something that waits, in the order of their turns. */
  readonly #turns: Peer<Item>[] = [];
  #next = 0;
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#size;
  }

  /** How many peers have something that waits. */
  get peerCount(): number {
    return this.#turns.length;
  }

  /** What waits of one source. */
  waitingOf(source: string): number {
    const line = this.#sources.get(source);
    return line === undefined ? 0 : line.items.length - line.head;
  }

  /** What of its peer has its turn before the next one of a source: what waits of the source, where the peer has no other. */
  aheadOf(source: string): number {
    const line = this.#sources.get(source);
    const peer = line?.peer ?? this.#peers.get(peerOf(source));
    if (peer === undefined) return 0;
    const own = line === undefined ? 0 : line.items.length - line.head;
    const lines = peer.lines.length + (line === undefined ? 1 : 0);
    return Math.min(peer.size, (own + 1) * lines - 1);
  }

  /** Whether there is a place for one more of a source. */
  hasPlace(source: string): boolean {
    if (this.#size < this.#most) return true;
    // A source under its share takes a place above the limit; sources are bounded by what is read at a time.
    return this.#size < 2 * this.#most && this.aheadOf(source) * (this.peerCount + 1) < this.#most;
  }

  /** False: there is no place for it. */
  add(source: string, item: Item): boolean {
    if (!this.hasPlace(source)) return false;
    this.putBack(source, item);
    return true;
  }

  /** Adds what has had a place already, behind what waits of its source. */
  putBack(source: string, item: Item): void {
    const line = this.#sources.get(source) ?? this.#begin(source);
    line.items.push(item);
    line.peer.size++;
    this.#size++;
  }

  /** The next item of the peer whose turn it is. */
  take(): Item | undefined {
    if (this.#size === 0) return undefined;
    if (this.#next >= this.#turns.length) this.#next = 0;
    const peer = this.#turns[this.#next] as Peer<Item>;
    if (peer.next >= peer.lines.length) peer.next = 0;
    const line = peer.lines[peer.next] as Line<Item>;
    const item = line.items[line.head++];
    this.#size--;
    peer.size--;
    if (line.head < line.items.length) peer.next++;
    else this.#end(peer, peer.next);
    if (peer.size > 0) this.#next++;
    else this.#endPeer(this.#next);
    return item;
  }

  /** Takes the items at the head of each line of which this holds, and hands them over. */
  takeWhile(holds: (item: Item) => boolean, to: (item: Item) => void): void {
    for (let turn = this.#turns.length - 1; turn >= 0; turn--) {
      const peer = this.#turns[turn] as Peer<Item>;
      for (let at = peer.lines.length - 1; at >= 0; at--) {
        const line = peer.lines[at] as Line<Item>;
        for (; line.head < line.items.length; line.head++) {
          const item = line.items[line.head] as Item;
          if (!holds(item)) break;
          this.#size--;
          peer.size--;
          to(item);
        }
        if (line.head === line.items.length) this.#end(peer, at);
      }
      if (peer.size === 0) this.#endPeer(turn);
    }
  }

  #begin(source: string): Line<Item> {
    const key = peerOf(source);
    let peer = this.#peers.get(key);
    if (peer === undefined) {
      peer = { key, lines: [], next: 0, size: 0 };
      this.#peers.set(key, peer);
      this.#turns.push(peer);
    }
    const line = { source, peer, items: [], head: 0 };
    this.#sources.set(source, line);
    peer.lines.push(line);
    return line;
  }

  /** Nothing waits in this line of a peer any more. */
  #end(peer: Peer<Item>, at: number): void {
    this.#sources.delete((peer.lines[at] as Line<Item>).source);
    lastTo(peer.lines, at);
  }

  #endPeer(turn: number): void {
    this.#peers.delete((this.#turns[turn] as Peer<Item>).key);
    lastTo(this.#turns, turn);
  }
}

interface Line<Item> {
  readonly source: string;
  readonly peer: Peer<Item>;
  readonly items: Item[];
  head: number;
}

interface Peer<Item> {
  readonly key: string;
  /** Of its sources, in the order of their turns. */
  readonly lines: Line<Item>[];
  next: number;
  size: number;
}

/** Takes one out: the last has its place. */
function lastTo<T>(list: T[], at: number): void {
  const last = list.pop() as T;
  if (at < list.length) list[at] = last;
}
