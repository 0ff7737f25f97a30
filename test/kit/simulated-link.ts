import type { Scheduler } from '../../src/base/scheduler.ts';

/** How a simulated link treats each message; a reliable link delivers all of them, in order. */
export interface LinkQuality {
  readonly reliable: boolean;
  /** Chance that a message is lost, 0 to 1. */
  readonly loss: number;
  /** Chance that a message arrives twice. */
  readonly duplication: number;
  readonly minDelayMs: number;
  /** The delay of each copy is drawn between both bounds, so that messages overtake each other. */
  readonly maxDelayMs: number;
}

export const PERFECT_UDP: LinkQuality = { reliable: false, loss: 0, duplication: 0, minDelayMs: 1, maxDelayMs: 1 };
export const PERFECT_TCP: LinkQuality = { ...PERFECT_UDP, reliable: true };

/** A seeded generator of numbers from 0 up to 1 (mulberry32): the same seed gives the same run. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One end of a link; what it sends arrives at the other end's `onReceive`. It satisfies the transaction layer's `Channel`. */
export class LinkEnd {
  readonly reliable: boolean;
  /** What was handed to `send`, with its time. */
  readonly sent: { readonly atMs: number; readonly text: string }[] = [];
  /** Swallows everything from now on, as a peer that is gone. */
  cut = false;
  onReceive: (text: string) => void = () => {};
  readonly #deliver: (text: string) => void;
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler, reliable: boolean, deliver: (text: string) => void) {
    this.#scheduler = scheduler;
    this.reliable = reliable;
    this.#deliver = deliver;
  }

  send(text: string): void {
    this.sent.push({ atMs: this.#scheduler.nowMs(), text });
    if (!this.cut) this.#deliver(text);
  }
}

/** Two ends joined by a link that loses, doubles, delays and reorders as its quality and seed say. */
export class SimulatedLink {
  readonly left: LinkEnd;
  readonly right: LinkEnd;
  readonly #scheduler: Scheduler;
  readonly #quality: LinkQuality;
  readonly #random: () => number;

  constructor(scheduler: Scheduler, quality: LinkQuality = PERFECT_UDP, seed = 1) {
    this.#scheduler = scheduler;
    this.#quality = quality;
    this.#random = seededRandom(seed);
    this.left = new LinkEnd(scheduler, quality.reliable, (text) => this.#carry(text, this.right));
    this.right = new LinkEnd(scheduler, quality.reliable, (text) => this.#carry(text, this.left));
  }

  #carry(text: string, to: LinkEnd): void {
    const { reliable, loss, duplication, minDelayMs, maxDelayMs } = this.#quality;
    const copies = reliable ? 1 : this.#random() < loss ? 0 : this.#random() < duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const delayMs = reliable ? minDelayMs : minDelayMs + this.#random() * (maxDelayMs - minDelayMs);
      this.#scheduler.schedule(delayMs, { onTimer: () => to.onReceive(text) }, 0);
    }
  }
}
