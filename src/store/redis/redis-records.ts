import { isDeepStrictEqual } from 'node:util';
import type { Sealer } from '../sealer.ts';
import type { RedisLink } from './link.ts';
import type { Replicas } from './replicas.ts';
import { GUARDED, WRITE_RECORD } from './scripts.ts';

/** Another write may wait for a replica meanwhile. */
const WRITE_TIMEOUT_MS = 1000;

export interface RedisRecordsOptions {
  /** Reads are in the path of messages. */
  readonly link: RedisLink;
  /** Where a write may wait for a replica. */
  readonly writing: RedisLink;
  /** Those that may be made master; undefined: there are none. */
  readonly replicas: Replicas | undefined;
  readonly sealer: Sealer;
  /** Whose id this store has, and where that stands. */
  readonly storeId: string;
  readonly meta: string;
  /** Where nodes hear that something changed. */
  readonly channel: string;
  readonly key: string;
  /** `tokens`, `users`, `webhooks`: what a sealed record is bound to. */
  readonly kind: string;
  /** Why nothing may be written now. */
  readonly refusal: () => string | undefined;
  /** The copy is not what it was. */
  readonly onChange?: () => void;
}

/**
 * Small records by id, with a copy in memory: reading answers from the copy when Redis does not, or holds another store, so that an
 * administrator's token is good on a node without its store; writing rejects then. The copy follows what other nodes write
 * ({@link RedisRecords.read}): a token that was revoked elsewhere is not good here later, when there is no Redis to ask.
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
    const { link } = this.#options;
    let sealed: Buffer | null;
    try {
      sealed = (await this.#ask('HGET', id)) as Buffer | null;
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
    await this.read();
    return this.copy;
  }

  /** Makes the copy what Redis has. False: that could not be read. */
  async read(): Promise<boolean> {
    const { link } = this.#options;
    try {
      const row = (await this.#ask('HGETALL')) as Buffer[];
      const records = new Map<string, T>();
      for (let i = 0; i + 1 < row.length; i += 2) {
        const id = String(row[i]);
        records.set(id, this.#open(id, row[i + 1] ?? Buffer.alloc(0)));
      }
      const isOther = !isDeepStrictEqual(this.#copy, records);
      this.#copy = records;
      if (isOther) this.#options.onChange?.();
      return true;
    } catch (error) {
      if (link.isClosed) throw error;
      return false;
    }
  }

  async put(record: T): Promise<void> {
    const { sealer, kind } = this.#options;
    this.#mustBeWritable();
    await this.#write('HSET', record.id, sealer.sealJson(`${kind}/${record.id}`, record));
    this.#keep(record);
  }

  async delete(id: string): Promise<void> {
    this.#mustBeWritable();
    await this.#write('HDEL', id);
    this.#forget(id);
  }

  #mustBeWritable(): void {
    const why = this.#options.refusal();
    if (why !== undefined) throw new Error(why);
  }

  #ask(command: string, ...args: string[]): Promise<unknown> {
    const { link, meta, key, storeId } = this.#options;
    return link.run(GUARDED, [meta, key], [storeId, command, ...args]);
  }

  /** Acknowledged when a replica has it, which a failover does not lose then: a revoked token does not come back. */
  async #write(command: string, ...args: (string | Buffer)[]): Promise<void> {
    const { writing, replicas, meta, key, storeId, channel } = this.#options;
    const written = writing.run(WRITE_RECORD, [meta, key], [storeId, channel, command, ...args]);
    await writing.within(WRITE_TIMEOUT_MS, written);
    await replicas?.have();
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
