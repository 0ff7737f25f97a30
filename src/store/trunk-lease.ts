import type { LeasePort } from '../trunks/lease.ts';
import type { GrantedLease } from './stores.ts';

/** What trunk leases need of a store: acquiring prolongs what is held. */
export interface ManyLeases {
  acquireAll(names: readonly string[], ttlMs: number): Promise<(GrantedLease | undefined)[]>;
  release(name: string, lease: GrantedLease): Promise<void>;
}

interface Waiting {
  readonly key: string;
  readonly leaseMs: number;
  resolve(isGranted: boolean): void;
  reject(error: unknown): void;
}

const COLLECT_MS = 50;
const MAX_BATCH = 500;

/**
 * Leases as trunk registrations ask for them: by key, without a fence; the fence is kept here. What ten thousand trunks ask for within
 * 50 ms goes to the store as a few commands.
 */
export class TrunkLeases implements LeasePort {
  readonly #leases: ManyLeases;
  readonly #held = new Map<string, GrantedLease>();
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(leases: ManyLeases) {
    this.#leases = leases;
  }

  acquire(key: string, leaseMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, leaseMs, resolve, reject });
      this.#timer ??= setTimeout(() => this.#send(), COLLECT_MS);
    });
  }

  /** Takes it again when it ran out while the store was away and nobody else has it. */
  renew(key: string, leaseMs: number): Promise<boolean> {
    return this.acquire(key, leaseMs);
  }

  release(key: string): void {
    const lease = this.#held.get(key);
    if (lease === undefined) return;
    this.#held.delete(key);
    // What cannot be released runs out.
    this.#leases.release(key, lease).catch(() => {});
  }

  #send(): void {
    this.#timer = undefined;
    const byTime = Map.groupBy(this.#waiting, ({ leaseMs }) => leaseMs);
    this.#waiting = [];
    for (const [leaseMs, asked] of byTime) {
      for (let at = 0; at < asked.length; at += MAX_BATCH) void this.#ask(asked.slice(at, at + MAX_BATCH), leaseMs);
    }
  }

  async #ask(asked: readonly Waiting[], leaseMs: number): Promise<void> {
    try {
      const leases = await this.#leases.acquireAll(
        asked.map(({ key }) => key),
        leaseMs,
      );
      for (const [index, { key, resolve }] of asked.entries()) {
        const lease = leases[index];
        if (lease === undefined) this.#held.delete(key);
        else this.#held.set(key, lease);
        resolve(lease !== undefined);
      }
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }
}
