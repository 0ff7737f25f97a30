import type { Steps } from '../../base/steps.ts';
import type { Change } from '../../provisioning/directory/difference.ts';
import type { Extension, Tenant } from '../../provisioning/tenants/schema.ts';
import { AddressIndex } from '../../trunks/address-index.ts';

/** An extension that is admitted by source address. */
export interface TrustedExtension {
  readonly tenant: Tenant;
  readonly extension: Extension;
}

/** Extensions that are admitted by source address in place of digest, by the networks that they trust. */
export class TrustedExtensions {
  readonly index = new AddressIndex<TrustedExtension>();
  /** By tenant, then by number. */
  readonly #ofTenant = new Map<string, ReadonlyMap<string, TrustedExtension>>();

  /** Follows what became of tenants. An extension that stays is trusted all the while. */
  *follow(changes: Iterable<Change<Tenant>>): Steps<void> {
    for (const { before, after } of changes) {
      yield;
      const name = (before ?? after)?.name ?? '';
      const earlier = this.#ofTenant.get(name);
      const now = new Map<string, TrustedExtension>();
      const extensions = after?.extensions ?? [];
      // Counted, not iterated: of ten thousand that trust nobody nothing is allocated.
      for (let at = 0; at < extensions.length; at++) {
        if (at % EXTENSIONS_PER_STEP === EXTENSIONS_PER_STEP - 1) yield;
        const extension = extensions[at] as Extension;
        if (after === undefined || !extension.enabled || extension.trustedAddresses.length === 0) continue;
        const entry = { tenant: after, extension };
        const was = earlier?.get(extension.number);
        if (was !== undefined) this.index.delete(was);
        this.index.set(entry, extension.trustedAddresses);
        now.set(extension.number, entry);
      }
      let count = 0;
      for (const [number, entry] of earlier ?? []) {
        if (now.has(number)) continue;
        this.index.delete(entry);
        if (++count % EXTENSIONS_PER_STEP === 0) yield;
      }
      if (now.size > 0) this.#ofTenant.set(name, now);
      else this.#ofTenant.delete(name);
    }
  }
}

const EXTENSIONS_PER_STEP = 50;
