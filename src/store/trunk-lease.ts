import type { LeasePort as TrunkLeasePort } from '../trunks/lease.ts';
import type { Lease, LeasePort } from './stores.ts';

/** Leases as trunk registrations ask for them: by key, without a fence; the fence is kept here. */
export class TrunkLeases implements TrunkLeasePort {
  readonly #leases: LeasePort;
  readonly #held = new Map<string, Lease>();

  constructor(leases: LeasePort) {
    this.#leases = leases;
  }

  async acquire(key: string, leaseMs: number): Promise<boolean> {
    const lease = await this.#leases.acquire(key, leaseMs);
    if (lease === undefined) return false;
    this.#held.set(key, lease);
    return true;
  }

  async renew(key: string, leaseMs: number): Promise<boolean> {
    const lease = this.#held.get(key);
    if (lease === undefined) return false;
    if (await this.#leases.renew(key, lease, leaseMs)) return true;
    this.#held.delete(key);
    // It ran out while the store was away; nobody else may have taken it.
    return this.acquire(key, leaseMs);
  }

  release(key: string): void {
    const lease = this.#held.get(key);
    if (lease === undefined) return;
    this.#held.delete(key);
    // What cannot be released runs out.
    this.#leases.release(key, lease).catch(() => {});
  }
}
