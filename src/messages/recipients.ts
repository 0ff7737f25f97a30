/** Where what a user writes goes: the tenant's inbound rules say it, as they do of calls. */
import { type InboundDirectory, InboundRouter, type InboundTarget } from '../inbound/index.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { WhatsappNumber } from './numbers.ts';

export interface Recipients {
  /** Numbers of the tenant's phones; none: it is kept and told to webhooks alone. */
  readonly numbers: readonly string[];
  readonly rule?: string;
  /** Why, in words. */
  readonly reason: string;
}

export function recipientsOf(
  directory: Directory,
  { trunk, tenant, number }: WhatsappNumber,
  user: { readonly from: string; readonly name?: string | undefined },
  wallMs: number,
): Recipients {
  const called = Number(number);
  if (directory.didOwner(trunk.id, called) !== tenant.name) return { numbers: [], reason: 'the number is in no pool' };
  const router = new InboundRouter(lookups(directory));
  const numbers = { calledNumber: String(called), callerNumber: user.from, callerDisplayName: user.name ?? '' };
  const call = { trunk, numbers, anonymous: false, called: { number: called, tenant } };
  const route = router.route(call, { result: 'none', attestation: undefined }, wallMs);
  if (route.kind !== 'route')
    return { numbers: [], reason: 'no inbound rule of the trunk matches: it is kept, and told to webhooks' };
  return { rule: route.rule, ...membersOf(directory, tenant.name, route.target) };
}

/** A ring group's message is for each of its members; another service takes its own. */
function membersOf(
  directory: Directory,
  tenant: string,
  target: InboundTarget,
): Pick<Recipients, 'numbers' | 'reason'> {
  switch (target.kind) {
    case 'extension':
      return { numbers: [target.number], reason: `extension ${target.number}` };
    case 'service': {
      const service = directory.service(tenant, target.number);
      return service?.kind === 'ring-group'
        ? { numbers: [...new Set(service.members)], reason: `each member of ring group ${target.number}` }
        : { numbers: [target.number], reason: `service ${target.number}` };
    }
    case 'number':
      return {
        numbers: [],
        reason: `the rule leads to ${target.number}, which is no phone: it is kept, and told to webhooks`,
      };
    case 'hang-up':
      return { numbers: [], reason: 'the rule hangs up: it is kept, and told to webhooks' };
  }
}

function lookups(directory: Directory): InboundDirectory {
  return {
    tenantOfDid: (trunkId, number) => directory.tenantByName(directory.didOwner(trunkId, number) ?? ''),
    trunkIdOf: (tenant, reference) => directory.trunkFor(tenant.name, reference)?.id,
  };
}
