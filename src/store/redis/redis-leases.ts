import { randomToken } from '../../base/ids.ts';
import type { GrantedLease, LeaseStore } from '../stores.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';
import { ACQUIRE, RENEW } from './scripts.ts';

/**
 * Leases in Redis. The holder is this process, not the node's name: a node that was killed and comes back waits like any other until
 * its lease has run out, so two processes that were given one name by mistake never hold the same.
 */
export class RedisLeases implements LeaseStore {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #holder: string;
  readonly #held = new Map<string, GrantedLease>();

  constructor(link: RedisLink, keys: Keys, node: string) {
    this.#link = link;
    this.#keys = keys;
    this.#holder = `${node}/${randomToken()}`;
  }

  async acquire(name: string, ttlMs: number): Promise<GrantedLease | undefined> {
    const [lease] = await this.acquireAll([name], ttlMs);
    return lease;
  }

  /** The same for many at once, in one step. */
  async acquireAll(names: readonly string[], ttlMs: number): Promise<(GrantedLease | undefined)[]> {
    const keys = [this.#keys.fences, ...names.map((name) => this.#key(name))];
    const fences = (await this.#link.run(ACQUIRE, keys, [this.#holder, wholeMs(ttlMs), ...names])) as number[];
    return names.map((name, index) => {
      const fence = Number(fences[index]);
      if (fence === 0) {
        this.#held.delete(name);
        return undefined;
      }
      const lease = { fence };
      this.#held.set(name, lease);
      return lease;
    });
  }

  async renew(name: string, lease: GrantedLease, ttlMs: number): Promise<boolean> {
    const isHeld = (await this.#run(name, lease, wholeMs(ttlMs))) === 1;
    if (!isHeld && this.#held.get(name)?.fence === lease.fence) this.#held.delete(name);
    return isHeld;
  }

  async release(name: string, lease: GrantedLease): Promise<void> {
    await this.#run(name, lease, 0);
    if (this.#held.get(name)?.fence === lease.fence) this.#held.delete(name);
  }

  /** Hands over everything held; what cannot be handed over runs out. */
  async close(): Promise<void> {
    const held = [...this.#held];
    this.#held.clear();
    await Promise.allSettled(held.map(([name, lease]) => this.#run(name, lease, 0)));
  }

  async #run(name: string, { fence }: GrantedLease, ttlMs: number): Promise<number> {
    return Number(await this.#link.run(RENEW, [this.#key(name)], [this.#holder, fence, ttlMs]));
  }

  #key(name: string): string {
    return this.#keys.named(`lease:${name}`);
  }
}

/** At least 1: 0 would give the lease up. */
function wholeMs(ttlMs: number): number {
  return Math.max(1, Math.trunc(ttlMs));
}
