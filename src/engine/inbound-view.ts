/** The look-ups that inbound routing asks for, over one snapshot of what is provisioned. */
import { type InboundDirectory, readInboundNumbers } from '../inbound/index.ts';
import type { SipRequest } from '../sip/message/index.ts';
import type { Tenant } from '../tenants/schema.ts';
import type { Directory } from '../trunks/directory.ts';
import type { Trunk } from '../trunks/schema.ts';

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

/** The called number as a trunk's inbound parameters read it; empty when there is none, or what should hold it cannot be read. */
export function calledNumberOf(request: SipRequest, trunk: Trunk): string {
  try {
    return readInboundNumbers(request, trunk.inboundParameters, trunk.numberFormat).calledNumber;
  } catch {
    return '';
  }
}
