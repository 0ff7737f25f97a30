/** The look-ups that inbound routing asks for, over one snapshot of what is provisioned. */
import { calledNumbers, type InboundDirectory } from '../../inbound/index.ts';
import type { Directory } from '../../provisioning/directory/directory.ts';
import { numbersMeant } from '../../provisioning/tenants/number-format.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import type { InboundSource, Trunk } from '../../provisioning/trunk-settings/schema.ts';
import type { SipRequest } from '../../sip/message/index.ts';

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

/** What the called number may be, as a trunk's inbound settings read it, the likeliest first; none when what should hold it cannot be read. */
export function calledNumbersOf(
  request: SipRequest,
  trunk: Trunk,
  sources?: readonly InboundSource[],
): readonly number[] {
  try {
    const written = calledNumbers(request, trunk.inboundParameters, sources);
    return written.flatMap((number) => numbersMeant(number, trunk.numberFormat));
  } catch {
    return [];
  }
}
