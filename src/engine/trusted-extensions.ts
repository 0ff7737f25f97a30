import { AddressIndex } from '../trunks/address-index.ts';
import type { Directory } from '../trunks/directory.ts';
import type { TrustedExtension } from './admission.ts';

/** Extensions that are admitted by source address in place of digest, by the networks that they trust. */
export function trustedExtensions(directory: Directory): AddressIndex<TrustedExtension> {
  const index = new AddressIndex<TrustedExtension>();
  for (const tenant of directory.tenants) {
    for (const extension of tenant.extensions) {
      if (extension.enabled && extension.trustedAddresses.length > 0) {
        index.set({ tenant, extension }, extension.trustedAddresses);
      }
    }
  }
  return index;
}
