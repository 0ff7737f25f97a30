/** Messages in Redis: each a field of one hash, with indexes beside it that the same script changes. Documents are sealed. */
import type { Claim, MessagePage, MessageRow, MessageStore, UserHeard } from '../../messages/index.ts';
import type { Sealer } from '../sealer.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { ADD_MESSAGES, CLAIM_MESSAGES, FORGET_MESSAGES, SAVE_MESSAGES } from './message-scripts.ts';

/** Longer than the day that it tells of. */
const HEARD_MS = 7 * 86_400_000;

export class RedisMessages implements MessageStore {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #sealer: Sealer;
  readonly #storeId: string;

  constructor(link: RedisLink, keys: Keys, sealer: Sealer, storeId: string) {
    this.#link = link;
    this.#keys = keys;
    this.#sealer = sealer;
    this.#storeId = storeId;
  }

  async add(rows: readonly MessageRow[], heard: readonly UserHeard[]): Promise<boolean[]> {
    const heardPairs = heard.flatMap(({ key, atMs }) => [key, atMs]);
    return this.#run(ADD_MESSAGES, [heard.length, ...heardPairs, ...this.#documents(rows)]);
  }

  async save(rows: readonly MessageRow[]): Promise<boolean[]> {
    return this.#run(SAVE_MESSAGES, this.#documents(rows));
  }

  async get(id: string): Promise<MessageRow | undefined> {
    const found = (await this.#link.command('HGET', this.#keys.messages, id)) as Buffer | null;
    return found === null ? undefined : this.#rowOf(String(found));
  }

  async byRemoteKey(key: string): Promise<MessageRow | undefined> {
    const id = (await this.#link.command('HGET', this.#keys.named('messages:remote'), key)) as Buffer | null;
    return id === null ? undefined : this.get(String(id));
  }

  async claim({ holder, nowMs, untilMs, limit, ...what }: Claim): Promise<MessageRow[]> {
    const { waitsFor = '', leftBeforeMs = 0, exceptTenants = [] } = what;
    const answer = (await this.#link.run(
      CLAIM_MESSAGES,
      [this.#keys.meta, this.#keys.messages],
      [this.#storeId, holder, nowMs, untilMs, limit, waitsFor, leftBeforeMs, exceptTenants.join('\n')],
    )) as Buffer[];
    return answer.map((each) => ({ ...this.#rowOf(String(each)), holder, heldUntilMs: untilMs }));
  }

  async list(tenant: string | undefined, offset: number, limit: number): Promise<MessagePage> {
    const index = this.#keys.named(tenant === undefined ? 'messages:listed' : `messages:listed:${tenant}`);
    const [ids, total] = (await Promise.all([
      this.#link.command('ZRANGE', index, offset, offset + limit - 1, 'REV'),
      this.#link.command('ZCARD', index),
    ])) as [Buffer[], number];
    if (ids.length === 0) return { rows: [], total };
    const found = (await this.#link.command('HMGET', this.#keys.messages, ...ids.map(String))) as (Buffer | null)[];
    return { rows: found.flatMap((each) => (each === null ? [] : this.#rowOf(String(each)))), total };
  }

  async heard(key: string): Promise<number | undefined> {
    const at = (await this.#link.command('ZSCORE', this.#keys.named('messages:heard'), key)) as Buffer | null;
    return at === null ? undefined : Number(at);
  }

  async forget(beforeMs: number): Promise<void> {
    for (;;) {
      const gone = await this.#link.run(
        FORGET_MESSAGES,
        [this.#keys.meta, this.#keys.messages],
        [this.#storeId, Math.trunc(beforeMs), Math.trunc(beforeMs - HEARD_MS)],
      );
      if (Number(gone) === 0) return;
    }
  }

  async #run(script: typeof ADD_MESSAGES, args: (string | number)[]): Promise<boolean[]> {
    const answer = (await this.#link.run(
      script,
      [this.#keys.meta, this.#keys.messages],
      [this.#storeId, ...args],
    )) as number[];
    return answer.map((each) => Number(each) === 1);
  }

  /** What the scripts look at is outside of the sealed document. */
  #documents(rows: readonly MessageRow[]): string[] {
    return rows.map(({ dueMs, remoteKey, document, waitsFor, ...row }) =>
      JSON.stringify({
        ...row,
        createdMs: Math.trunc(row.createdMs),
        dueMs: dueMs === undefined ? -1 : Math.trunc(dueMs),
        remoteKey: remoteKey ?? '',
        // An empty list would come back as an empty object.
        waitsFor: waitsFor.join('\n'),
        document: this.#sealer.seal(`message/${row.id}`, document).toString('base64'),
      }),
    );
  }

  #rowOf(text: string): MessageRow {
    const row = JSON.parse(text) as Omit<MessageRow, 'waitsFor'> & { waitsFor: string };
    return {
      ...row,
      dueMs: row.dueMs === -1 ? undefined : row.dueMs,
      remoteKey: row.remoteKey === '' ? undefined : row.remoteKey,
      waitsFor: row.waitsFor === '' ? [] : row.waitsFor.split('\n'),
      document: this.#sealer.open(`message/${row.id}`, Buffer.from(row.document, 'base64')),
    };
  }
}
