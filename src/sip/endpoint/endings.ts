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
  readonly flow: { readonly remoteAddress: string };
  readonly sinceMs: number;
}

/**
 * What ends calls, and is put off. Nobody waits for the end of a call as its caller waited for its beginning, and it is a third of the
 * work: where time is short for a moment, calls that are being set up have all of it.
 */
export class Endings<Item extends Ending> {
  readonly #behind: FairQueue<Item>;
  /** Those that have waited for long enough. */
  readonly #due: FairQueue<Item>;
  #owedMs = 0;

  /** @param most of each kind that wait, as in a {@link FairQueue} */
  constructor(most: number) {
    this.#behind = new FairQueue(most);
    this.#due = new FairQueue(most);
  }

  get size(): number {
    return this.#behind.size + this.#due.size;
  }

  waitingOf(source: string): number {
    return this.#behind.waitingOf(source) + this.#due.waitingOf(source);
  }

  /** False: there is no place for it. */
  add(source: string, item: Item): boolean {
    return this.#behind.add(source, item);
  }

  /**
   * On each turn: who has waited for long enough is due, and all are once time is not short any more.
   *
   * @returns for how many of them there was no place
   */
  beat(nowMs: number, isShort: boolean): number {
    if (this.#behind.size === 0) return 0;
    const sinceMs = isShort ? nowMs - BEHIND_MS : nowMs;
    let dropped = 0;
    this.#behind.takeWhile(
      (item) => item.sinceMs <= sinceMs,
      (item) => {
        if (!this.#due.add(item.flow.remoteAddress, item)) dropped++;
      },
    );
    return dropped;
  }

  /** Whether it is the turn of one of them. */
  hasTurn(othersWait: boolean): boolean {
    return othersWait ? this.#due.size > 0 && this.#owedMs >= TURN_MS : this.size > 0;
  }

  take(): Item | undefined {
    return this.#due.take() ?? this.#behind.take();
  }

  /** A message has taken so long: one of them, or another. */
  passed(ms: number, wasOne: boolean, othersWait: boolean): void {
    if (this.#due.size === 0 || !othersWait) this.#owedMs = 0;
    else this.#owedMs += wasOne ? ms * (SHARE - 1) : ms * SHARE;
  }
}
