/**
 * What a limit that holds for all nodes of a store leaves for this one. Each node tells the others what it has, so that nobody asks
 * another process while a call waits. While a node hears nothing it goes on with its share: what the others know of it, and an equal part
 * of what was left then.
 */
import type { Clock } from '../base/scheduler.ts';
import type { Tally } from './tallies.ts';

/** What a node has of limits, by their keys; what is not there is 0. */
export interface LimitUse {
  /** Calls in progress. */
  readonly calls?: Readonly<Record<string, number>>;
  /** Calls that were asked for, let in or not, in a second. */
  readonly rates?: Readonly<Record<string, number>>;
  readonly talking?: Readonly<Record<string, ToldTalk>>;
}

/**
 * Answered calls that run: how many; the milliseconds of this day that are not in the total yet, theirs and those of calls that have just
 * ended; the day's total as the node knows it, with all that it has added itself; and the day. Nodes of the version before tell no total.
 */
export type ToldTalk = readonly [count: number, ms: number, total?: number, day?: string];

/** How much was talked on a day, at the other nodes or by ended calls of all, ms: between these. */
export interface DayTalk {
  readonly most: number;
  readonly least: number;
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

/** A node that has told nothing for so long may have ended, and its calls be others'. */
const SILENT_MS = 1_000;

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

  /**
   * What is talked on a day beside this node's own that it has not written yet. A call of another node that ends goes from what runs there
   * to the total, and is heard of in both ways: it counts once. What a total has more than its node told was still running there then.
   */
  talk(key: string, day: string, tally: Tally): DayTalk {
    const nowMs = this.#clock.nowMs();
    const { isCutOff } = this.#nodes;
    let running = 0;
    let surelyRunning = 0;
    let latest = Number.NEGATIVE_INFINITY;
    let earliest = Number.POSITIVE_INFINITY;
    for (const { talking, heardAtMs } of this.#nodes.others()) {
      const told = figureOf(talking, key);
      if (told === undefined) continue;
      const ms = this.#talkMs(told, heardAtMs);
      running += ms;
      const isSilent = !isCutOff && nowMs - heardAtMs > SILENT_MS;
      if (!isSilent) surelyRunning += ms;
      const [, , total, of] = told;
      if (total === undefined || of !== day) continue;
      latest = Math.max(latest, total);
      if (!isSilent) earliest = Math.min(earliest, total);
    }
    const total = Math.max(tally.total, latest);
    // What this node is writing may be in what another has heard.
    const leastTotal = Math.max(tally.total, latest - tally.sent);
    return {
      most: total + Math.max(0, running - addedByOthers(tally, latest)),
      least: leastTotal + Math.max(0, surelyRunning - addedByOthers(tally, earliest)),
    };
  }

  /** How many answered calls run at the other nodes. */
  talkers(key: string): number {
    let count = 0;
    for (const { talking } of this.#nodes.others()) count += figureOf(talking, key)?.[0] ?? 0;
    return count;
  }

  /** How much of what this node has not written yet, and of what it has written since, the others know; ms. */
  toldTalkMs(key: string, tally: Tally): number {
    const told = this.#nodes.told();
    const figure = figureOf(told?.talking, key);
    if (told === undefined || figure === undefined) return 0;
    const [, , total = tally.total] = figure;
    return Math.max(0, this.#talkMs(figure, told.heardAtMs) - tally.addedHere(total));
  }

  /** How much this node may have of what the others leave of a limit, of which they know that it has `told`. */
  share(available: number, told: number): number {
    const { isCutOff } = this.#nodes;
    if (!isCutOff || available <= told) return available;
    return told + (available - told) / (this.#nodes.others().length + 1);
  }

  #talkMs([count, ms]: ToldTalk, heardAtMs: number): number {
    return ms + count * Math.max(0, this.#newsUntilMs() - heardAtMs);
  }

  /** Until when it would have been heard of a call that it has ended: nobody talks on through an outage of the store. */
  #newsUntilMs(): number {
    const { isCutOff } = this.#nodes;
    const told = isCutOff ? this.#nodes.told() : undefined;
    return told === undefined ? this.#clock.nowMs() : told.heardAtMs;
  }
}

/** What others have added to a total since it was `from`; nothing where nobody has told one. */
function addedByOthers(tally: Tally, from: number): number {
  return !Number.isFinite(from) || from >= tally.total ? 0 : tally.total - from - tally.addedHere(from);
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
