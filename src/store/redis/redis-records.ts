import { isDeepStrictEqual } from 'node:util';
import type { Sealer } from '../sealer.ts';
import type { RedisLink } from './link.ts';

export interface RedisRecordsOptions {
  readonly link: RedisLink;
  readonly sealer: Sealer;
  readonly key: string;
  /** `tokens`, `webhooks`: what a sealed record is bound to. */
  readonly kind: string;
  /** The copy is not what it was. */
  readonly onChange?: () => void;
}

/**
 * Small records by id, with a copy in memory: reading answers from the copy when Redis does not, so that an administrator's token is good
 * on a node without Redis; writing rejects then.
 */
export class RedisRecords<T extends { readonly id: string }> {
  readonly #options: RedisRecordsOptions;
  #copy: Map<string, T>;

  constructor(options: RedisRecordsOptions, copy: readonly T[] = []) {
    this.#options = options;
    this.#copy = new Map(copy.map((record) => [record.id, record]));
  }

  get copy(): readonly T[] {
    return [...this.#copy.values()];
  }

  async get(id: string): Promise<T | undefined> {
    const { link, key } = this.#options;
    let sealed: Buffer | null;
    try {
      sealed = (await link.command('HGET', key, id)) as Buffer | null;
    } catch (error) {
      if (link.isClosed) throw error;
      return this.#copy.get(id);
    }
    const record = sealed === null ? undefined : this.#open(id, sealed);
    if (record === undefined) this.#forget(id);
    else this.#keep(record);
    return record;
  }

  async list(): Promise<readonly T[]> {
    const { link, key } = this.#options;
    try {
      const row = (await link.command('HGETALL', key)) as Buffer[];
      const records = new Map<string, T>();
      for (let i = 0; i + 1 < row.length; i += 2) {
        const id = String(row[i]);
        records.set(id, this.#open(id, row[i + 1] ?? Buffer.alloc(0)));
      }
      const isOther = !isDeepStrictEqual(this.#copy, records);
      this.#copy = records;
      if (isOther) this.#options.onChange?.();
    } catch (error) {
      if (link.isClosed) throw error;
    }
    return this.copy;
  }

  async put(record: T): Promise<void> {
    const { link, sealer, key, kind } = this.#options;
    await link.command('HSET', key, record.id, sealer.sealJson(`${kind}/${record.id}`, record));
    this.#keep(record);
  }

  async delete(id: string): Promise<void> {
    const { link, key } = this.#options;
    await link.command('HDEL', key, id);
    this.#forget(id);
  }

  #keep(record: T): void {
    const known = this.#copy.get(record.id);
    this.#copy.set(record.id, record);
    if (!isDeepStrictEqual(known, record)) this.#options.onChange?.();
  }

  #forget(id: string): void {
    if (this.#copy.delete(id)) this.#options.onChange?.();
  }

  #open(id: string, sealed: Uint8Array): T {
    return this.#options.sealer.openJson<T>(`${this.#options.kind}/${id}`, sealed);
  }
}
