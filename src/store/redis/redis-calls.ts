import type { CallChanges, CallStore, KeptCalls } from '../../call/index.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';

/** Answered calls of one node: a hash of its own by call, and when it last wrote. */
export class RedisCalls implements CallStore {
  readonly #link: RedisLink;
  readonly #key: string;
  readonly #aliveKey: string;
  readonly #node: string;

  constructor(link: RedisLink, keys: Keys, node: string) {
    this.#link = link;
    this.#key = keys.named(`calls:${node}`);
    this.#aliveKey = keys.callsAlive;
    this.#node = node;
  }

  async load(): Promise<KeptCalls> {
    const answer = ((await this.#link.command('HGETALL', this.#key)) as Buffer[]).map(String);
    const calls: { id: string; document: string }[] = [];
    for (let at = 0; at < answer.length; at += 2) calls.push({ id: answer[at] ?? '', document: answer[at + 1] ?? '' });
    const alive = (await this.#link.command('HGET', this.#aliveKey, this.#node)) as Buffer | null;
    return { calls, aliveAtMs: Number(alive ?? 0) };
  }

  /** What is written in part is written again: each step does the same the second time. */
  async write({ put, remove, aliveAtMs }: CallChanges): Promise<void> {
    if (put.length > 0)
      await this.#link.command('HSET', this.#key, ...put.flatMap(({ id, document }) => [id, document]));
    if (remove.length > 0) await this.#link.command('HDEL', this.#key, ...remove);
    await this.#link.command('HSET', this.#aliveKey, this.#node, Math.trunc(aliveAtMs));
  }
}
