import { randomToken } from '../../base/ids.ts';
import type { Leases } from '../trunk-lease.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { ACQUIRE, RELEASE } from './scripts.ts';

/**
 * Leases in Redis. The holder is this process, not the node's name: a node that was killed and comes back waits like any other until
 * its lease has run out, so two processes that were given one name by mistake never hold the same.
 */
export class RedisLeases implements Leases {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #holder: string;
  /** By name, the fence of what is held: it grows with every holding, so that what gives one up and comes late ends no later one. */
  readonly #held = new Map<string, number>();

  constructor(link: RedisLink, keys: Keys, node: string) {
    this.#link = link;
    this.#keys = keys;
    this.#holder = `${node}/${randomToken()}`;
  }

  async acquire(names: readonly string[], ttlMs: number): Promise<boolean[]> {
    const keys = [this.#keys.fences, ...names.map((name) => this.#key(name))];
    const fences = (await this.#link.run(ACQUIRE, keys, [this.#holder, Math.trunc(ttlMs), ...names])) as number[];
    return names.map((name, index) => {
      const fence = Number(fences[index]);
      if (fence === 0) this.#held.delete(name);
      else this.#held.set(name, fence);
      return fence > 0;
    });
  }

  async release(name: string): Promise<void> {
    const fence = this.#held.get(name);
    this.#held.delete(name);
    if (fence !== undefined) await this.#link.run(RELEASE, [this.#key(name)], [this.#holder, fence]);
  }

  /** Hands over everything held; what cannot be handed over runs out. */
  async close(): Promise<void> {
    await Promise.allSettled(Array.from(this.#held.keys(), (name) => this.release(name)));
  }

  #key(name: string): string {
    return this.#keys.named(`lease:${name}`);
  }
}
