/**
 * Whose claim to an address is the earlier one, where the DNS made trunks of two tenants coincide that were not of one provider when
 * they were written. The system's trunks come first, then addresses that are written down before those that a name resolved to, then
 * who has had the address for longer, then who was provisioned first. What was there at the start counts as equally old.
 */

import { covers, parseNetwork } from '../base/network.ts';
import type { Directory } from './directory.ts';
import type { Trunk } from './schema.ts';
import { sourcesOf } from './sources.ts';

export class Precedence {
  /** When each trunk's names came to resolve to an address, by trunk id and address, counted in changes. */
  readonly #since = new Map<string, ReadonlyMap<string, number>>();
  #changes = 0;

  /** The addresses that a trunk's names resolve to now; none is what was there before the first answer. */
  located(trunkId: string, addresses: Iterable<string>): void {
    const before = this.#since.get(trunkId);
    const since = new Map<string, number>();
    // The first answer of a trunk is as old as the trunk.
    const now = before === undefined || before.size === 0 ? 0 : ++this.#changes;
    for (const address of addresses) since.set(address, before?.get(address) ?? now);
    if (since.size > 0 || before === undefined) this.#since.set(trunkId, since);
  }

  forget(trunkId: string): void {
    this.#since.delete(trunkId);
  }

  /** Negative when `a` had the address before `b`. */
  compare(a: Trunk, b: Trunk, address: string, directory: Directory): number {
    return (
      Number(a.owner !== 'system') - Number(b.owner !== 'system') ||
      Number(!isWritten(a, address)) - Number(!isWritten(b, address)) ||
      this.#sinceOf(a, address) - this.#sinceOf(b, address) ||
      directory.trunks.indexOf(a) - directory.trunks.indexOf(b)
    );
  }

  #sinceOf(trunk: Trunk, address: string): number {
    return this.#since.get(trunk.id)?.get(address) ?? 0;
  }
}

function isWritten(trunk: Trunk, address: string): boolean {
  const wanted = parseNetwork(address);
  return wanted !== undefined && sourcesOf(trunk).networks.some((network) => covers(network, wanted));
}
