/**
 * Counts of all nodes in Redis. Every write has a sequence number, and each count the number of its last one: a node that sees the number
 * grow reads the counts that have changed since. Where the last write that it has read is not in Redis any more it reads all.
 */
import { randomUUID } from 'node:crypto';
import { randomToken } from '../../base/ids.ts';
import type { TallyAddition, TallyStore, TallyTotal } from '../../trunks/tallies.ts';
import type { InRedis } from './keys.ts';
import { ADD_TALLIES } from './scripts.ts';
import { isSamePlace, isSameToken, type WritePlace, writePlaceOf } from './watch.ts';

const COUNTS_PER_READ = 500;

type Listener = (totals: readonly TallyTotal[]) => void;

export class RedisTallies implements TallyStore {
  readonly #options: InRedis;
  /** Batches are numbered by process. */
  readonly #process: string;
  readonly #listeners = new Set<Listener>();
  /** Up to here everything was read. */
  #at: WritePlace = { sequence: 0, token: '' };
  #reading: Promise<void> | undefined = undefined;

  constructor(options: InRedis) {
    this.#options = options;
    this.#process = `${options.node}/${randomToken()}`;
  }

  async load(): Promise<readonly TallyTotal[]> {
    const { link, keys } = this.#options;
    const [sequence, token] = (await link.command('HMGET', keys.meta, 'tallies', 'tallies-token')) as (Buffer | null)[];
    const place = writePlaceOf(sequence, token);
    const totals = await this.#changedSince(0, place.sequence);
    this.#at = place;
    return totals;
  }

  async add(batch: number, additions: readonly TallyAddition[]): Promise<readonly number[]> {
    const { link, keys, storeId } = this.#options;
    const args: (string | number)[] = [storeId, keys.channel, this.#process, batch, randomUUID()];
    for (const { key, add, known, untilMs } of additions) args.push(key, add, known, Math.trunc(untilMs));
    const written = [keys.tallies, keys.tallyOrder, keys.tallyEnds, keys.tallyBatches, keys.tallyTokens];
    return ((await link.run(ADD_TALLIES, [keys.meta, ...written], args)) as Buffer[]).map(Number);
  }

  onRemoteChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Redis says that this is the last write now. */
  seen(place: WritePlace): void {
    if (isSamePlace(place, this.#at) || this.#reading !== undefined || this.#listeners.size === 0) return;
    this.#reading = this.#read(place)
      .catch((error: Error) => this.#options.log.warn('tallies-not-read', { error: error.message }))
      .finally(() => {
        this.#reading = undefined;
      });
  }

  async #read(place: WritePlace): Promise<void> {
    const from = (await this.#isLost(place)) ? 0 : this.#at.sequence;
    const totals = await this.#changedSince(from, place.sequence);
    this.#at = place;
    for (const listener of this.#listeners) listener(totals);
  }

  /** Whether Redis does not have the last write that was read: it has lost the latest ones, and may have had others since. */
  async #isLost({ sequence }: WritePlace): Promise<boolean> {
    const { link, keys } = this.#options;
    const at = this.#at;
    if (sequence <= at.sequence) return true;
    const token = (await link.command('HGET', keys.tallyTokens, at.sequence)) as Buffer | null;
    return !isSameToken(String(token ?? ''), at.token);
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
