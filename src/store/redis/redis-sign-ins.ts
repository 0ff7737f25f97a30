import type { Clock } from '../../base/scheduler.ts';
import type { SignInStore } from '../../registrar/ports.ts';
import { MAX_SIGN_INS } from '../stores.ts';
import type { RedisLink } from './link.ts';

/** Who signed in from where, on any node: a sorted set by time, which keeps the latest. */
export class RedisSignIns implements SignInStore {
  readonly #link: RedisLink;
  readonly #key: string;
  readonly #clock: Clock;

  constructor(link: RedisLink, key: string, clock: Clock) {
    this.#link = link;
    this.#key = key;
    this.#clock = clock;
  }

  async load(): Promise<readonly string[]> {
    return ((await this.#link.command('ZRANGE', this.#key, 0, -1)) as Buffer[]).map(String);
  }

  async add(pairs: readonly string[]): Promise<void> {
    if (pairs.length === 0) return;
    const nowMs = Math.trunc(this.#clock.wallMs());
    await this.#link.command('ZADD', this.#key, ...pairs.flatMap((pair) => [nowMs, pair]));
    await this.#link.command('ZREMRANGEBYRANK', this.#key, 0, -MAX_SIGN_INS - 1);
  }
}
