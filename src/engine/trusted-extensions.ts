import type { Steps } from '../base/steps.ts';
import type { Tenant } from '../tenants/schema.ts';
import { AddressIndex } from '../trunks/address-index.ts';
import type { Change } from '../trunks/provisioning-diff.ts';
import type { TrustedExtension } from './admission.ts';

/** Extensions that are admitted by source address in place of digest, by the networks that they trust. */
export class TrustedExtensions {
  readonly index = new AddressIndex<TrustedExtension>();
  readonly #ofTenant = new Map<string, readonly TrustedExtension[]>();

  /** Follows what became of tenants. */
  *follow(changes: Iterable<Change<Tenant>>): Steps<void> {
    for (const { before, after } of changes) {
      yield;
      if (before !== undefined) {
        for (const entry of this.#ofTenant.get(before.name) ?? []) this.index.delete(entry);
        this.#ofTenant.delete(before.name);
      }
      if (after === undefined) continue;
      const entries: TrustedExtension[] = [];
      for (const extension of after.extensions) {
        if (!extension.enabled || extension.trustedAddresses.length === 0) continue;
        const entry = { tenant: after, extension };
        this.index.set(entry, extension.trustedAddresses);
        entries.push(entry);
      }
      if (entries.length > 0) this.#ofTenant.set(after.name, entries);
    }
  }
}
