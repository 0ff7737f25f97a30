/** Which calls of which nodes this one has gone on with, for a node that asks: it cannot ask the store. */
import type { Clock } from '../../base/scheduler.ts';

interface Taking {
  readonly node: string;
  readonly atMs: number;
  readonly ids: readonly string[];
}

/** As many as the keeper remembers. */
const MOST_REMEMBERED = 50_000;

export class TakenCalls {
  readonly #clock: Pick<Clock, 'nowMs'>;
  /** In the order in which they were taken. */
  readonly #takings: Taking[] = [];
  #count = 0;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  note(node: string, ids: readonly string[]): void {
    this.#takings.push({ node, atMs: this.#clock.nowMs(), ids });
    this.#count += ids.length;
    while (this.#count > MOST_REMEMBERED) this.#count -= this.#takings.shift()?.ids.length ?? 0;
  }

  /** Ids of those of a node that were taken within the last `sinceMs`. */
  of(node: string, sinceMs: number): readonly string[] {
    const fromMs = this.#clock.nowMs() - sinceMs;
    return this.#takings.flatMap((taking) => (taking.node === node && taking.atMs >= fromMs ? taking.ids : []));
  }
}
