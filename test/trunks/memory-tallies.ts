/** A store of counts in memory, as several nodes see it: what one adds the others hear of. It can be away, and lose answers. */
import type { TallyAddition, TallyStore, TallyTotal } from '../../src/trunks/tallies.ts';

export class MemoryTallies {
  isAway = false;
  /** What is added is added, and nobody hears of it. */
  losesAnswers = false;
  /** The others hear of what is added when this is false again. */
  #isSlow = false;
  #held: (() => void)[] = [];
  readonly totals = new Map<string, TallyTotal>();
  readonly #listeners = new Map<string, (totals: readonly TallyTotal[]) => void>();
  readonly #batches = new Map<string, number>();

  set isSlow(isSlow: boolean) {
    this.#isSlow = isSlow;
    if (isSlow) return;
    for (const tell of this.#held) tell();
    this.#held = [];
  }

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

  #add(node: string, batch: number, additions: readonly TallyAddition[]): number[] {
    const isNew = batch > (this.#batches.get(node) ?? 0);
    if (isNew) this.#batches.set(node, batch);
    const changed = additions.map(({ key, add, known, untilMs }) => {
      const before = this.totals.get(key)?.total ?? 0;
      const total = { key, untilMs, total: isNew ? Math.max(before, known) + add : before };
      this.totals.set(key, total);
      return total;
    });
    const tell = () => {
      for (const [other, listener] of this.#listeners) if (other !== node) listener(changed);
    };
    if (this.#isSlow) this.#held.push(tell);
    else tell();
    return changed.map(({ total }) => total);
  }
}
