/**
 * Caller IDs that no call could ever show: a caller ID has to be inside one of its tenant's DID pools (guide "DID Pool Requirement"),
 * one for a trunk inside the pool there. A tenant without any pool cannot call out yet, and may write its caller IDs beforehand.
 */
import type { DidPool } from '../tenants/did-pool.ts';
import { someNumberMeant } from '../tenants/number-format.ts';
import type { Extension, Tenant, TrunkCallerId } from '../tenants/schema.ts';
import type { Trunk } from '../trunk-settings/schema.ts';

/** A trunk that the tenant may use, with its pool there. */
export interface UsableTrunk {
  readonly trunk: Trunk;
  readonly pool: DidPool;
}

export interface OutsideCallerId {
  /** Relative to the tenant. */
  readonly path: string;
  readonly message: string;
}

const MAX_POOLS_NAMED = 5;
const MAX_POOL_CHARACTERS = 80;

/**
 * Every caller ID of the tenant that is in none of the pools where it could be shown. `trunkNamed` finds what a rule means by a trunk.
 * What stood in `before` already is left alone: a pool may be taken away or shrunk without its caller IDs (guide "Deleting a Trunk").
 */
export function callerIdsOutside(
  tenant: Tenant,
  usable: readonly UsableTrunk[],
  trunkNamed: (reference: string) => UsableTrunk | undefined,
  before?: Tenant,
): OutsideCallerId[] {
  if (usable.length === 0) return [];
  const outside = callerIdsOf(tenant).flatMap(({ path, key, callerId, trunk }) => {
    const there = trunk === undefined ? undefined : trunkNamed(trunk);
    // A trunk that is not there is another rule's to report.
    if (trunk !== undefined && there === undefined) return [];
    const among = there === undefined ? usable : [there];
    if (among.some((candidate) => holds(candidate, callerId))) return [];
    const message = `${callerId} is in none of the pools of tenant "${tenant.name}": ${poolsText(among)}`;
    return [{ path, key, message }];
  });
  if (outside.length === 0 || before === undefined) return outside;
  const known = new Set(callerIdsOf(before).map(({ key }) => key));
  return outside.filter(({ key }) => !known.has(key));
}

interface WrittenCallerId {
  readonly path: string;
  /** Whose it is and what it says; the same whatever else was written before it. */
  readonly key: string;
  readonly callerId: string;
  /** Where it is meant for; undefined: any trunk. */
  readonly trunk: string | undefined;
}

/** All caller IDs that a tenant's settings hold. The callback number of emergency calls is none: it need only not be somebody else's. */
function callerIdsOf(tenant: Tenant): WrittenCallerId[] {
  const found: WrittenCallerId[] = [];
  const note = (path: string, whose: string, callerId: string | undefined, trunk?: string) => {
    if (callerId !== undefined) found.push({ path, key: `${whose} ${trunk ?? ''} ${callerId}`, callerId, trunk });
  };
  const owner = (at: string, whose: string, { outboundCallerId, outboundCallerIds }: CallerIdOwner) => {
    note(`${at}outboundCallerId`, whose, outboundCallerId);
    for (const [index, { trunk, callerId }] of outboundCallerIds.entries())
      note(`${at}outboundCallerIds[${index}].callerId`, whose, callerId, trunk);
  };
  owner('', 'company', tenant);
  // Counted, not iterated: of ten thousand nothing is allocated.
  for (let index = 0; index < tenant.extensions.length; index++) {
    const item = tenant.extensions[index] as Extension;
    if (hasOwn(item)) owner(`extensions[${index}].`, `extension ${item.number}`, item);
  }
  for (const [index, item] of tenant.groups.entries())
    if (hasOwn(item)) owner(`groups[${index}].`, `group ${item.name}`, item);
  for (const [index, item] of tenant.services.entries())
    if (hasOwn(item)) owner(`services[${index}].`, `service ${item.number}`, item);
  for (const [index, rule] of tenant.outboundRules.entries()) {
    note(`outboundRules[${index}].outboundCallerId`, `rule ${rule.name}`, rule.outboundCallerId);
    for (const [at, { outboundCallerId, trunk }] of rule.routes.entries())
      note(`outboundRules[${index}].routes[${at}].outboundCallerId`, `rule ${rule.name}`, outboundCallerId, trunk);
  }
  return found;
}

interface CallerIdOwner {
  readonly outboundCallerId?: string | undefined;
  readonly outboundCallerIds: readonly TrunkCallerId[];
}

/** Most extensions have none; of ten thousand no text is made. */
function hasOwn({ outboundCallerId, outboundCallerIds }: CallerIdOwner): boolean {
  return outboundCallerId !== undefined || outboundCallerIds.length > 0;
}

function holds({ trunk, pool }: UsableTrunk, callerId: string): boolean {
  return someNumberMeant(callerId, trunk.numberFormat, (number) => pool.contains(number));
}

function poolsText(usable: readonly UsableTrunk[]): string {
  const named = usable.slice(0, MAX_POOLS_NAMED).map(({ trunk, pool }) => {
    const text = pool.size > MAX_POOL_CHARACTERS ? `${pool.size} entries` : pool.toString();
    return `${text.length > MAX_POOL_CHARACTERS ? `${text.slice(0, MAX_POOL_CHARACTERS)}…` : text} (${trunk.name})`;
  });
  if (usable.length > MAX_POOLS_NAMED) named.push(`${usable.length - MAX_POOLS_NAMED} more`);
  return named.join(', ');
}
