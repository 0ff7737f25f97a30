/** Longer than this without a turn of the event loop: the process stood still. */
const STALL_MS = 15;
/** libuv reads so many datagrams of a socket in a turn: whoever gave fewer is empty. */
const READ_AT_ONCE = 32;

/**
 * When a process that measures stood still itself, as where others have the processor: what it finds in its sockets then may have lain
 * there for all of that time, and says nothing of whoever sent it.
 */
export class Stalls<Socket> {
  #longestMs = 0;
  readonly #sockets: readonly Socket[];
  readonly #nowMs: () => number;
  readonly #later: (ended: () => void) => void;
  #lastMs: number;
  /** Sockets that were not read to their end since. */
  readonly #behind = new Set<Socket>();
  readonly #reads = new Map<Socket, number>();
  #isArmed = false;

  /** @param later runs a function once all sockets were read in this turn */
  constructor(
    sockets: readonly Socket[],
    nowMs: () => number = () => performance.now(),
    later: (ended: () => void) => void = setImmediate,
  ) {
    this.#sockets = sockets;
    this.#nowMs = nowMs;
    this.#later = later;
    this.#lastMs = nowMs();
  }

  /** Something runs; to be called every few milliseconds. */
  turn(): void {
    const nowMs = this.#nowMs();
    const passedMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    if (passedMs <= STALL_MS) return;
    this.#longestMs = Math.max(this.#longestMs, passedMs);
    for (const socket of this.#sockets) this.#behind.add(socket);
    this.#arm();
  }

  /** A datagram was read from a socket: whether it may have come while the process stood still. */
  reads(socket: Socket): boolean {
    this.turn();
    if (this.#behind.size === 0) return false;
    this.#reads.set(socket, (this.#reads.get(socket) ?? 0) + 1);
    this.#arm();
    return this.#behind.has(socket);
  }

  /** The longest since it was asked for last, ms. */
  takeLongestMs(): number {
    const longestMs = this.#longestMs;
    this.#longestMs = 0;
    return longestMs;
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#later(() => this.#onRead());
  }

  #onRead(): void {
    this.#isArmed = false;
    for (const socket of this.#behind) if ((this.#reads.get(socket) ?? 0) < READ_AT_ONCE) this.#behind.delete(socket);
    this.#reads.clear();
    // What waits further is read in the next turn, whether or not anything else runs.
    if (this.#behind.size > 0) this.#arm();
  }
}
