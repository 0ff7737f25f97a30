/** Which calls of which nodes this one has gone on with, for a node that asks: it cannot ask the store. */
import { firstPlace } from '../../base/first-place.ts';
import type { Clock } from '../../base/scheduler.ts';
import type { TakenPage } from './peer-question.ts';

interface Taking {
  readonly atMs: number;
  readonly ids: readonly string[];
  /** How many had been taken of the node before. */
  readonly before: number;
}

/** Of one node, in the order in which they were taken. */
interface TakenOfNode {
  count: number;
  readonly takings: Taking[];
}

/** As many as the keeper remembers. */
const MOST_REMEMBERED = 50_000;

export class TakenCalls {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #nodes = new Map<string, TakenOfNode>();
  /** Whose they were, one for each taking. */
  readonly #order: string[] = [];
  #count = 0;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  note(node: string, ids: readonly string[]): void {
    const of = this.#nodes.get(node) ?? { count: 0, takings: [] };
    this.#nodes.set(node, of);
    of.takings.push({ atMs: this.#clock.nowMs(), ids, before: of.count });
    of.count += ids.length;
    this.#order.push(node);
    this.#count += ids.length;
    while (this.#count > MOST_REMEMBERED) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const node = this.#order.shift() ?? '';
    const takings = this.#nodes.get(node)?.takings;
    this.#count -= takings?.shift()?.ids.length ?? 0;
    if (takings?.length === 0) this.#nodes.delete(node);
  }

  /** So many ids, after the first `from`, of those of a node that were taken within the last `sinceMs`; and how many these are. */
  page(node: string, sinceMs: number, from: number, most: number): TakenPage {
    const { count, takings } = this.#nodes.get(node) ?? { count: 0, takings: [] };
    const fromMs = this.#clock.nowMs() - sinceMs;
    const first = takings[firstOf(takings, ({ atMs }) => atMs >= fromMs)];
    if (first === undefined) return { total: 0, ids: [] };
    const at = first.before + from;
    const ids: string[] = [];
    let index = firstOf(takings, (taking) => taking.before + taking.ids.length > at);
    for (let taking = takings[index]; taking !== undefined && ids.length < most; taking = takings[++index]) {
      const start = Math.max(0, at - taking.before);
      ids.push(...taking.ids.slice(start, start + most - ids.length));
    }
    return { total: count - first.before, ids };
  }
}

/** Index of the first that it is so of, as it is of all after that. */
function firstOf(takings: readonly Taking[], isSo: (taking: Taking) => boolean): number {
  return firstPlace(0, takings.length, (place) => isSo(takings[place] as Taking));
}
