import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Log } from '../../base/log.ts';
import type { Sealer } from '../sealer.ts';
import type { RedisLink } from './link.ts';
import type { Replicas } from './replicas.ts';
import { GUARDED, WRITE_RECORD } from './scripts.ts';

/** Another write may wait for a replica meanwhile. */
const WRITE_TIMEOUT_MS = 1000;
const NONE = Buffer.alloc(0);

export interface RedisRecordsOptions {
  /** Reads are in the path of messages. */
  readonly link: RedisLink;
  /** Where a write may wait for a replica. */
  readonly writing: RedisLink;
  /** Those that may be made master; undefined: there are none. */
  readonly replicas: Replicas | undefined;
  readonly sealer: Sealer;
  readonly log: Log;
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
 * ({@link RedisRecords.read}): a token that was revoked elsewhere is not good here later, when there is no Redis to ask. A record that cannot
 * be opened, as one that was sealed with another key, is none here; the others are followed all the same.
 */
export class RedisRecords<T extends { readonly id: string }> {
  readonly #options: RedisRecordsOptions;
  #copy: Map<string, T>;
  /** Records that could not be opened when they were read last. */
  readonly #unread = new Set<string>();

  constructor(options: RedisRecordsOptions, copy: readonly T[] = []) {
    this.#options = options;
    this.#copy = new Map(copy.map((record) => [record.id, record]));
  }

  get copy(): readonly T[] {
    return [...this.#copy.values()];
  }

  async get(id: string): Promise<T | undefined> {
    await this.#follow(id);
    return this.#copy.get(id);
  }

  async list(): Promise<readonly T[]> {
    await this.read();
    return this.copy;
  }

  /** Makes the copy what Redis has. False: Redis did not say, or holds another store. */
  async read(): Promise<boolean> {
    let row: Buffer[];
    try {
      row = (await this.#ask('HGETALL')) as Buffer[];
    } catch (error) {
      if (this.#options.link.isClosed) throw error;
      return false;
    }
    const records = new Map<string, T>();
    const unread = new Set(this.#unread);
    for (let i = 0; i + 1 < row.length; i += 2) {
      const id = String(row[i]);
      const record = this.#open(id, row[i + 1] ?? Buffer.alloc(0));
      if (record !== undefined) records.set(id, record);
      unread.delete(id);
    }
    // Those are not there any more.
    for (const id of unread) this.#unread.delete(id);
    const isOther = !isDeepStrictEqual(this.#copy, records);
    this.#copy = records;
    if (isOther) this.#options.onChange?.();
    return true;
  }

  async put(record: T): Promise<void> {
    await this.#write(record.id, record);
  }

  async delete(id: string): Promise<void> {
    await this.#write(id, undefined);
  }

  /** What is sealed is never sealed alike again: the same octets are the same version. */
  async replace(id: string, before: T | undefined, after: T | undefined): Promise<boolean> {
    const sealed = (await this.#ask('HGET', id)) as Buffer | null;
    const now = sealed === null ? undefined : this.#open(id, sealed);
    return isDeepStrictEqual(now, before) && this.#write(id, after, sealed ?? NONE);
  }

  #mustBeWritable(): void {
    const why = this.#options.refusal();
    if (why !== undefined) throw new Error(why);
  }

  #ask(command: string, ...args: string[]): Promise<unknown> {
    const { link, meta, key, storeId } = this.#options;
    return link.run(GUARDED, [meta, key], [storeId, command, ...args]);
  }

  /**
   * Acknowledged when a replica has it, which a failover does not lose then: a revoked token does not come back.
   *
   * @param over what it is written over; left out: whatever there is
   */
  async #write(id: string, record: T | undefined, ...over: readonly Buffer[]): Promise<boolean> {
    const { sealer, kind, writing, replicas, meta, key, storeId, channel } = this.#options;
    this.#mustBeWritable();
    const sealed = record === undefined ? NONE : sealer.sealJson(`${kind}/${id}`, record);
    const written = writing.run(WRITE_RECORD, [meta, key], [storeId, channel, randomUUID(), id, sealed, ...over]);
    if ((await writing.within(WRITE_TIMEOUT_MS, written)) === 0) return false;
    await replicas?.have();
    if (await this.#follow(id)) return true;
    if (record === undefined) this.#forget(id);
    else this.#keep(record);
    return true;
  }

  /**
   * The copy goes by the answers of one connection, which come in the order of what Redis did. What this node has written comes over another one:
   * an older answer may come after it, and one of before what another node has written since. False: Redis did not say.
   */
  async #follow(id: string): Promise<boolean> {
    let sealed: Buffer | null;
    try {
      sealed = (await this.#ask('HGET', id)) as Buffer | null;
    } catch (error) {
      if (this.#options.link.isClosed) throw error;
      return false;
    }
    const record = sealed === null ? undefined : this.#open(id, sealed);
    if (record === undefined) this.#forget(id);
    else this.#keep(record);
    return true;
  }

  #keep(record: T): void {
    const known = this.#copy.get(record.id);
    this.#copy.set(record.id, record);
    if (!isDeepStrictEqual(known, record)) this.#options.onChange?.();
  }

  #forget(id: string): void {
    if (this.#copy.delete(id)) this.#options.onChange?.();
  }

  /** Undefined: it cannot be opened, which the log hears once. */
  #open(id: string, sealed: Uint8Array): T | undefined {
    const { sealer, kind, log } = this.#options;
    try {
      const record = sealer.openJson<T>(`${kind}/${id}`, sealed);
      this.#unread.delete(id);
      return record;
    } catch (error) {
      if (!this.#unread.has(id)) log.warn('record-not-read', { kind, id, error: String(error) });
      this.#unread.add(id);
      return undefined;
    }
  }
}
