/**
 * What a limit that holds for all nodes of a store leaves for this one. Each node tells the others what it has, so that nobody asks
 * another process while a call waits. While a node hears nothing it goes on with its share: what the others know of it, and an equal part
 * of what was left then.
 */
import type { Clock } from '../base/scheduler.ts';

/** What a node has of limits, by their keys; what is not there is 0. */
export interface LimitUse {
  /** Calls in progress. */
  readonly calls?: Readonly<Record<string, number>>;
  /** Calls that were asked for, let in or not, in a second. */
  readonly rates?: Readonly<Record<string, number>>;
  /** Answered calls that run: how many, and the milliseconds that they had talked together. */
  readonly talking?: Readonly<Record<string, readonly [count: number, ms: number]>>;
}

/** What a node has said of itself. */
export interface ToldUse extends LimitUse {
  /** When that was heard, by this node's monotonic clock. */
  readonly heardAtMs: number;
}

/** The nodes that have limits in common. */
export interface UseOfNodes {
  others(): readonly ToldUse[];
  /** What the others know of this node; undefined before it has told them anything. */
  told(): ToldUse | undefined;
  /** No news come and go: the store is away. */
  readonly isCutOff: boolean;
}

const ALONE: UseOfNodes = { others: () => [], told: () => undefined, isCutOff: false };

export class SharedLimits {
  readonly #clock: Clock;
  readonly #nodes: UseOfNodes;

  constructor(clock: Clock, nodes: UseOfNodes = ALONE) {
    this.#clock = clock;
    this.#nodes = nodes;
  }

  /** How many calls of a limit may be in progress here. */
  places(key: string, limit: number): number {
    const others = this.#nodes.others();
    if (others.length === 0) return limit;
    let elsewhere = 0;
    for (const { calls } of others) elsewhere += figureOf(calls, key) ?? 0;
    return this.share(limit - elsewhere, figureOf(this.#nodes.told()?.calls, key) ?? 0);
  }

  /**
   * How many calls may begin here in a second: what the others do not ask for, and never less than a fair part. Others that ask for less
   * than that part leave the rest to whoever asks for more. Without news: half of the limit in equal parts, half as it was asked for.
   */
  rate(key: string, limit: number): number {
    const others = this.#nodes.others();
    if (others.length === 0) return limit;
    const nodes = others.length + 1;
    let asked = 0;
    for (const { rates } of others) asked += figureOf(rates, key) ?? 0;
    const fair = fairRate(key, limit, others);
    if (!this.#nodes.isCutOff) return fair;
    const told = figureOf(this.#nodes.told()?.rates, key) ?? 0;
    const left = limit - asked - told;
    return limit / nodes / 2 + (left > 0 ? told + left / nodes : Math.min(told, fair)) / 2;
  }

  /** How long the answered calls that run at the other nodes have talked by now, ms; while cut off: until then. */
  talkElsewhereMs(key: string): number {
    let ms = 0;
    for (const other of this.#nodes.others()) ms += this.#talkMs(other, key);
    return ms;
  }

  /** The same of this node's own, as the others know it. */
  toldTalkMs(key: string): number {
    const told = this.#nodes.told();
    return told === undefined ? 0 : this.#talkMs(told, key);
  }

  /** How much this node may have of what the others leave of a limit, of which they know that it has `told`. */
  share(available: number, told: number): number {
    const { isCutOff } = this.#nodes;
    if (!isCutOff || available <= told) return available;
    return told + (available - told) / (this.#nodes.others().length + 1);
  }

  #talkMs({ talking, heardAtMs }: ToldUse, key: string): number {
    const told = figureOf(talking, key);
    return told === undefined ? 0 : told[1] + told[0] * Math.max(0, this.#newsUntilMs() - heardAtMs);
  }

  /** Until when it would have been heard of a call that it has ended: nobody talks on through an outage of the store. */
  #newsUntilMs(): number {
    const { isCutOff } = this.#nodes;
    const told = isCutOff ? this.#nodes.told() : undefined;
    return told === undefined ? this.#clock.nowMs() : told.heardAtMs;
  }
}

/** What one node may have that takes as much as it gets, beside others that take what they ask for, or the same. */
function fairRate(key: string, limit: number, others: readonly ToldUse[]): number {
  let fair = limit / (others.length + 1);
  for (let before = -1; fair > before; ) {
    before = fair;
    let modest = 0;
    let greedy = 1;
    for (const { rates } of others) {
      const asked = figureOf(rates, key) ?? 0;
      if (asked < fair) modest += asked;
      else greedy++;
    }
    fair = (limit - modest) / greedy;
  }
  return fair;
}

function figureOf<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
