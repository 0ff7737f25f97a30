import { FairQueue } from './fair-queue.ts';

/**
 * So long what ends a call waits behind all others, ms. With what it waits for after that it is answered before its sender sends it again
 * (RFC 3261 §17.1.2.2: after 500 ms).
 */
const BEHIND_MS = 150;
/** The share of the time that it has from then on while others wait. */
const SHARE = 0.4;
/** It has its turn when so much is owed to it, ms. */
const TURN_MS = 0.5;

interface Ending {
  readonly source: string;
  readonly sinceMs: number;
}

/** Where the end of a call may make room for the next, which its sender may be about to place. */
export interface RoomForCalls {
  /** There is none: the end of any call makes room. */
  readonly isNone: boolean;
  /** Whether the end of that call does in which this side has this tag. */
  isMadeBy(localTag: string): boolean;
}

/**
 * What ends calls, and is put off. Nobody waits for the end of a call as its caller waited for its beginning, and it is a third of the
 * work: where time is short for a moment, calls that are being set up have all of it.
 */
export class Endings<Item extends Ending> {
  readonly #most: number;
  /** Those that make room: they come before all others. */
  readonly #first = new FairQueue<Item>(Number.POSITIVE_INFINITY);
  readonly #behind = new FairQueue<Item>(Number.POSITIVE_INFINITY);
  /** Those that have waited for long enough. */
  readonly #due = new FairQueue<Item>(Number.POSITIVE_INFINITY);
  #owedMs = 0;
  /** What was taken last was one of those that make room. */
  #wasFirst = false;

  /** @param most that wait, as in a {@link FairQueue}: a source under its share has a place above it */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#first.size + this.#behind.size + this.#due.size;
  }

  /** As in a {@link FairQueue}. */
  aheadOf(source: string): number {
    return this.#first.aheadOf(source) + this.#behind.aheadOf(source) + this.#due.aheadOf(source);
  }

  /** False: there is no place for it. */
  add(source: string, item: Item): boolean {
    return this.#hasPlace(source) && this.#behind.add(source, item);
  }

  #hasPlace(source: string): boolean {
    if (this.size < this.#most) return true;
    const peers = Math.max(this.#first.peerCount, this.#behind.peerCount, this.#due.peerCount);
    return this.size < 2 * this.#most && this.aheadOf(source) * (peers + 1) < this.#most;
  }

  /** On each turn: who has waited long enough is due, and all are once time is not short any more. */
  beat(nowMs: number, isShort: boolean): void {
    if (this.#behind.size === 0) return;
    const sinceMs = isShort ? nowMs - BEHIND_MS : nowMs;
    this.#behind.takeWhile(
      (item) => item.sinceMs <= sinceMs,
      (item) => this.#due.add(item.source, item),
    );
  }

  /** Those that make room now, and wait behind none of their source that does not, wait no longer. */
  hasten(makesRoom: (item: Item) => boolean): void {
    for (const queue of [this.#due, this.#behind])
      if (queue.size > 0) queue.takeWhile(makesRoom, (item) => this.#first.add(item.source, item));
  }

  /** Whether it is the turn of one of them. */
  hasTurn(othersWait: boolean): boolean {
    if (this.#first.size > 0) return true;
    return othersWait ? this.#due.size > 0 && this.#owedMs >= TURN_MS : this.size > 0;
  }

  take(): Item | undefined {
    const first = this.#first.take();
    this.#wasFirst = first !== undefined;
    return first ?? this.#due.take() ?? this.#behind.take();
  }

  /** A message has taken so long: one of them, or another. */
  passed(ms: number, wasOne: boolean, othersWait: boolean): void {
    if (this.#due.size === 0 || !othersWait) this.#owedMs = 0;
    else if (!wasOne) this.#owedMs += ms * SHARE;
    // What makes room is not held against those that are due, nor is what they had while the node was full, or one that took long.
    else if (!this.#wasFirst) this.#owedMs = Math.max(-TURN_MS, this.#owedMs + ms * (SHARE - 1));
  }
}
