/** A store of counts in memory, as several nodes see it: what one adds the others hear of. It can be away, and lose answers. */
import type { TallyAddition, TallyStore, TallyTotal } from '../../src/trunks/tallies.ts';

export class MemoryTallies {
  isAway = false;
  /** What is added is added, and nobody hears of it. */
  losesAnswers = false;
  readonly totals = new Map<string, TallyTotal>();
  readonly #listeners = new Map<string, (totals: readonly TallyTotal[]) => void>();
  readonly #batches = new Map<string, string>();

  /** The store as a node has it; another life of it is another node here. */
  of(node: string): TallyStore {
    return {
      load: async () => {
        if (this.isAway) throw new Error('away');
        return [...this.totals.values()];
      },
      add: async (batch, additions) => {
        if (this.isAway) throw new Error('away');
        const answer = this.#add(node, batch, additions);
        if (this.losesAnswers) throw new Error('no answer');
        return answer;
      },
      onRemoteChange: (listener) => {
        this.#listeners.set(node, listener);
        return () => this.#listeners.delete(node);
      },
    };
  }

  #add(node: string, batch: string, additions: readonly TallyAddition[]): number[] {
    const isNew = this.#batches.get(node) !== batch;
    this.#batches.set(node, batch);
    const changed = additions.map(({ key, add, known, untilMs }) => {
      const before = this.totals.get(key)?.total ?? 0;
      const total = { key, untilMs, total: isNew ? Math.max(before, known) + add : before };
      this.totals.set(key, total);
      return total;
    });
    for (const [other, listener] of this.#listeners) if (other !== node) listener(changed);
    return changed.map(({ total }) => total);
  }
}
