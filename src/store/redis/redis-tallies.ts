/**
 * Counts of all nodes in Redis. Every write has a sequence number, and each count the number of its last one: a node that sees the number
 * grow reads the counts that have changed since.
 */
import { randomToken } from '../../base/ids.ts';
import type { Log } from '../../base/log.ts';
import type { TallyAddition, TallyStore, TallyTotal } from '../../trunks/tallies.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { ADD_TALLIES } from './scripts.ts';

const COUNTS_PER_READ = 500;

export interface RedisTalliesOptions {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly storeId: string;
  readonly node: string;
  readonly log: Log;
}

type Listener = (totals: readonly TallyTotal[]) => void;

export class RedisTallies implements TallyStore {
  readonly #options: RedisTalliesOptions;
  /** Batches are numbered by process. */
  readonly #process: string;
  readonly #listeners = new Set<Listener>();
  /** Up to here everything was read. */
  #sequence = 0;
  #reading: Promise<void> | undefined = undefined;

  constructor(options: RedisTalliesOptions) {
    this.#options = options;
    this.#process = `${options.node}/${randomToken()}`;
  }

  async load(): Promise<readonly TallyTotal[]> {
    const { link, keys } = this.#options;
    const sequence = Number(await link.command('HGET', keys.meta, 'tallies'));
    const totals = await this.#changedSince(0, sequence);
    this.#sequence = sequence;
    return totals;
  }

  async add(batch: number, additions: readonly TallyAddition[]): Promise<readonly number[]> {
    const { link, keys, storeId } = this.#options;
    const args: (string | number)[] = [storeId, keys.channel, this.#process, batch];
    for (const { key, add, known, untilMs } of additions) args.push(key, add, known, Math.trunc(untilMs));
    const written = [keys.tallies, keys.tallyOrder, keys.tallyEnds, keys.tallyBatches];
    return ((await link.run(ADD_TALLIES, [keys.meta, ...written], args)) as Buffer[]).map(Number);
  }

  onRemoteChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Redis says that this is the sequence number now. */
  seen(sequence: number): void {
    if (sequence === this.#sequence || this.#reading !== undefined || this.#listeners.size === 0) return;
    this.#reading = this.#read(sequence)
      .catch((error: Error) => this.#options.log.warn('tallies-not-read', { error: error.message }))
      .finally(() => {
        this.#reading = undefined;
      });
  }

  async #read(sequence: number): Promise<void> {
    // A Redis that has lost the latest ones begins again at a lower number.
    const totals = await this.#changedSince(sequence < this.#sequence ? 0 : this.#sequence, sequence);
    this.#sequence = sequence;
    for (const listener of this.#listeners) listener(totals);
  }

  async #changedSince(from: number, to: number): Promise<TallyTotal[]> {
    const { link, keys } = this.#options;
    const names = (await link.command('ZRANGEBYSCORE', keys.tallyOrder, `(${from}`, to)) as Buffer[];
    const totals: TallyTotal[] = [];
    for (let at = 0; at < names.length; at += COUNTS_PER_READ) {
      const some = names.slice(at, at + COUNTS_PER_READ);
      const [counts, ends] = await Promise.all([
        link.command('HMGET', keys.tallies, ...some) as Promise<(Buffer | null)[]>,
        link.command('ZMSCORE', keys.tallyEnds, ...some) as Promise<(Buffer | null)[]>,
      ]);
      for (const [index, name] of some.entries()) {
        const [total, untilMs] = [counts[index], ends[index]];
        if (total != null && untilMs != null)
          totals.push({ key: String(name), total: Number(total), untilMs: Number(untilMs) });
      }
    }
    return totals;
  }
}
