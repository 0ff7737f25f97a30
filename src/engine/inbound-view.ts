/** The look-ups that inbound routing asks for, over one snapshot of what is provisioned. */
import type { InboundDirectory } from '../inbound/index.ts';
import type { Tenant } from '../tenants/schema.ts';
import type { Directory } from '../trunks/directory.ts';

export class InboundView implements InboundDirectory {
  readonly #directory: Directory;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  tenantOfDid(trunkId: string, number: number): Tenant | undefined {
    const owner = this.#directory.didOwner(trunkId, number);
    return owner === undefined ? undefined : this.#directory.tenantByName(owner);
  }

  trunkIdOf(tenant: Tenant, reference: string): string | undefined {
    return this.#directory.trunkFor(tenant.name, reference)?.id;
  }
}
