/**
 * Everything provisioned, as an immutable snapshot with an index for every question that a call asks. A change makes a new
 * snapshot; what did not change (a tenant, a trunk, its pools) keeps its parsed form, so that a snapshot after a small change is cheap.
 */
import { DidPool } from '../tenants/did-pool.ts';
import { numbersMeant } from '../tenants/number-format.ts';
import type { Extension, Group, InboundRule, OutboundRule, Service, Tenant } from '../tenants/schema.ts';
import { withBrand } from './effective.ts';
import { NumberIndex, type OwnedPool } from './number-index.ts';
import { groupByProvider } from './providers.ts';
import type { Assignment, Provisioning, Trunk } from './schema.ts';
import { sourcesOf } from './sources.ts';
import { TrunksByNumber } from './trunks-by-number.ts';

const NONE: readonly never[] = [];

interface TenantIndex {
  readonly tenant: Tenant;
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly services: ReadonlyMap<string, Service>;
  readonly groups: ReadonlyMap<string, Group>;
  readonly groupsByMember: ReadonlyMap<string, readonly Group[]>;
  /** Enabled rules by priority, then name. */
  readonly outboundRules: readonly OutboundRule[];
}

interface UsableTrunks {
  readonly list: Trunk[];
  readonly byName: Map<string, Trunk>;
}

/** Whether a provider that coincides with this one gives the number to another tenant than this. */
type AskElsewhere = (directory: Directory, provider: NumberIndex, tenant: string, number: number) => boolean;

const pools = new WeakMap<Assignment, DidPool>();
const tenantIndexes = new WeakMap<Tenant, TenantIndex>();
const trunkIndexes = new WeakMap<Trunk, NumberIndex>();

export class Directory {
  static readonly EMPTY = new Directory({ tenants: [], trunks: [] });

  readonly provisioning: Provisioning;
  readonly tenants: readonly Tenant[];
  readonly trunks: readonly Trunk[];
  readonly #byDomain = new Map<string, Tenant>();
  readonly #byName = new Map<string, TenantIndex>();
  readonly #trunksById = new Map<string, Trunk>();
  readonly #trunksByHost = new Map<string, Trunk[]>();
  readonly #trunksOfTenant = new Map<string, UsableTrunks>();
  readonly #assignments = new Map<string, Map<string, Assignment>>();
  /** Who owns which number on a trunk's provider, by trunk id; one index per provider. */
  readonly #providerIndexes = new Map<string, NumberIndex>();
  readonly #ofProvider = new Map<NumberIndex, readonly Trunk[]>();
  /** Made when first asked for, by provider and tenant. */
  readonly #trunksByNumber = new Map<NumberIndex, ReadonlyMap<string, TrunksByNumber>>();
  /** Made when first asked for, by tenant and trunk. */
  readonly #inboundRules = new Map<string, readonly InboundRule[]>();

  #isAnothersElsewhere: AskElsewhere | undefined;

  /** Makes a snapshot of a state that passed `checkProvisioning`. */
  constructor(provisioning: Provisioning) {
    this.provisioning = provisioning;
    this.tenants = provisioning.tenants;
    this.trunks = provisioning.trunks.map(withBrand);
    for (const tenant of this.tenants) {
      this.#byDomain.set(tenant.domain.toLowerCase(), tenant);
      this.#byName.set(tenant.name, indexTenant(tenant));
    }
    for (const trunk of this.trunks) this.#addTrunk(trunk);
    for (const group of groupByProvider(this.trunks, sourcesOf)) {
      const index = numberIndexOf(group);
      this.#ofProvider.set(index, group);
      for (const trunk of group) this.#providerIndexes.set(trunk.id, index);
    }
  }

  #addTrunk(trunk: Trunk): void {
    this.#trunksById.set(trunk.id, trunk);
    push(this.#trunksByHost, trunk.host.toLowerCase(), trunk);
    const assignments = new Map<string, Assignment>();
    for (const assignment of trunk.assignments) {
      assignments.set(assignment.tenant, assignment);
      let usable = this.#trunksOfTenant.get(assignment.tenant);
      if (usable === undefined) {
        usable = { list: [], byName: new Map() };
        this.#trunksOfTenant.set(assignment.tenant, usable);
      }
      usable.list.push(trunk);
      usable.byName.set(trunk.name, trunk);
    }
    this.#assignments.set(trunk.id, assignments);
  }

  /** The tenant of a SIP domain; host names compare without case (RFC 3261 §19.1.4). */
  tenantByDomain(domain: string): Tenant | undefined {
    return this.#byDomain.get(domain) ?? this.#byDomain.get(domain.toLowerCase());
  }

  tenantByName(name: string): Tenant | undefined {
    return this.#byName.get(name)?.tenant;
  }

  extension(tenant: string, number: string): Extension | undefined {
    return this.#byName.get(tenant)?.extensions.get(number);
  }

  service(tenant: string, number: string): Service | undefined {
    return this.#byName.get(tenant)?.services.get(number);
  }

  group(tenant: string, name: string): Group | undefined {
    return this.#byName.get(tenant)?.groups.get(name);
  }

  /** The groups that an extension is a member of, in the order they were written. */
  groupsOf(tenant: string, extension: string): readonly Group[] {
    return this.#byName.get(tenant)?.groupsByMember.get(extension) ?? NONE;
  }

  /** Enabled outbound rules in the order in which they are tried: by priority, then by name. */
  outboundRules(tenant: string): readonly OutboundRule[] {
    return this.#byName.get(tenant)?.outboundRules ?? NONE;
  }

  /** Enabled inbound rules of a tenant on a trunk. */
  inboundRules(tenant: string, trunkId: string): readonly InboundRule[] {
    const key = `${trunkId} ${tenant}`;
    let rules = this.#inboundRules.get(key);
    if (rules === undefined) {
      const all = this.#byName.get(tenant)?.tenant.inboundRules ?? NONE;
      rules = all.filter((rule) => rule.enabled && this.trunkFor(tenant, rule.trunk)?.id === trunkId);
      this.#inboundRules.set(key, rules);
    }
    return rules;
  }

  trunk(id: string): Trunk | undefined {
    return this.#trunksById.get(id);
  }

  /** Trunks whose host is this one, compared without case; on accept-register trunks the host is a label. */
  trunksByHost(host: string): readonly Trunk[] {
    return this.#trunksByHost.get(host.toLowerCase()) ?? NONE;
  }

  /** The first trunk of this name; with a tenant, among those it may use. */
  trunkByName(name: string, tenant?: string): Trunk | undefined {
    if (tenant !== undefined) return this.#trunksOfTenant.get(tenant)?.byName.get(name);
    return this.trunks.find((trunk) => trunk.name === name);
  }

  /** What a tenant's rule means by `trunk`: one that it may use, by name or by id. */
  trunkFor(tenant: string, reference: string): Trunk | undefined {
    const byName = this.trunkByName(reference, tenant);
    if (byName !== undefined) return byName;
    const byId = this.#trunksById.get(reference);
    return byId !== undefined && this.#assignments.get(byId.id)?.has(tenant) === true ? byId : undefined;
  }

  /** The trunks that a tenant may use. */
  trunksOf(tenant: string): readonly Trunk[] {
    return this.#trunksOfTenant.get(tenant)?.list ?? NONE;
  }

  assignment(trunkId: string, tenant: string): Assignment | undefined {
    return this.#assignments.get(trunkId)?.get(tenant);
  }

  /** A tenant's DID pool on a trunk; empty when it may not use the trunk. */
  pool(trunkId: string, tenant: string): DidPool {
    const assignment = this.assignment(trunkId, tenant);
    return assignment === undefined ? DidPool.EMPTY : poolOf(assignment);
  }

  /** Says whether a number, compared as in a pool, is inside a tenant's pool on a trunk. */
  inPool(trunkId: string, tenant: string, number: string | number): boolean {
    const pool = this.pool(trunkId, tenant);
    return this.#meant(trunkId, number).some((meant) => pool.contains(meant));
  }

  /** The tenant whose pool on this trunk holds the number. O(log DIDs). */
  didOwner(trunkId: string, number: string | number): string | undefined {
    const trunk = this.#trunksById.get(trunkId);
    if (trunk === undefined) return undefined;
    const only = trunk.assignments.length === 1 ? trunk.assignments[0] : undefined;
    for (const wanted of this.#meant(trunkId, number)) {
      if (only === undefined) {
        const owner = trunkIndex(trunk).owner(wanted);
        if (owner !== undefined) return owner;
      } else if (poolOf(only).contains(wanted)) return only.tenant;
    }
    return undefined;
  }

  /** Who owns which number on a trunk's provider: all trunks with a brand, a name or a source address in common. */
  provider(trunkId: string): NumberIndex | undefined {
    return this.#providerIndexes.get(trunkId);
  }

  /** The trunks of a provider on which a tenant's pool holds the number. */
  trunksHolding(provider: NumberIndex, tenant: string, number: number): readonly Trunk[] {
    let byTenant = this.#trunksByNumber.get(provider);
    if (byTenant === undefined) {
      byTenant = byTenantAndNumber(this.#ofProvider.get(provider) ?? NONE);
      this.#trunksByNumber.set(provider, byTenant);
    }
    return byTenant.get(tenant)?.holding(number) ?? NONE;
  }

  /** The tenant that owns the number on the trunk's provider. */
  providerDidOwner(trunkId: string, number: string | number): string | undefined {
    const index = this.#providerIndexes.get(trunkId);
    for (const wanted of this.#meant(trunkId, number)) {
      const owner = index?.owner(wanted);
      if (owner !== undefined) return owner;
    }
    return undefined;
  }

  /** Says whether a tenant other than this one owns the number on the trunk's provider (behaviour 7). */
  numberOwnedByAnother(trunkId: string, tenant: string, number: string | number): boolean {
    const provider = this.#providerIndexes.get(trunkId);
    if (provider === undefined) return false;
    for (const wanted of this.#meant(trunkId, number)) {
      const owner = provider.owner(wanted);
      if (owner !== undefined && owner !== tenant) return true;
      if (this.#isAnothersElsewhere?.(this, provider, tenant, wanted) === true) return true;
    }
    return false;
  }

  /** What the DNS has made coincide with a trunk's provider is asked too; the one thing that a snapshot does not know by itself. */
  coincideWith(isAnothers: AskElsewhere): void {
    this.#isAnothersElsewhere = isAnothers;
  }

  /** The numbers that a text may stand for in the format of the trunk. */
  #meant(trunkId: string, number: string | number): readonly number[] {
    if (typeof number === 'number') return [number];
    return numbersMeant(number, this.#trunksById.get(trunkId)?.numberFormat ?? 'e164');
  }
}

/** The parsed pool of an assignment that passed the checks. */
export function poolOf(assignment: Assignment): DidPool {
  let pool = pools.get(assignment);
  if (pool === undefined) {
    pool = DidPool.parse(assignment.didPool);
    pools.set(assignment, pool);
  }
  return pool;
}

/** Who owns which number on one trunk. */
function trunkIndex(trunk: Trunk): NumberIndex {
  let index = trunkIndexes.get(trunk);
  if (index === undefined) {
    index = new NumberIndex(ownedPools(trunk));
    trunkIndexes.set(trunk, index);
  }
  return index;
}

/** Who owns which number on several trunks together; one trunk's own is kept with it. */
export function numberIndexOf(trunks: readonly Trunk[]): NumberIndex {
  const only = trunks.length === 1 ? trunks[0] : undefined;
  return only === undefined ? new NumberIndex(trunks.flatMap(ownedPools)) : trunkIndex(only);
}

export function ownedPools(trunk: Trunk): OwnedPool[] {
  return trunk.assignments.map((assignment) => ({ owner: assignment.tenant, pool: poolOf(assignment) }));
}

function byTenantAndNumber(trunks: readonly Trunk[]): ReadonlyMap<string, TrunksByNumber> {
  const byTenant = new Map<string, { trunks: Trunk[]; pools: DidPool[] }>();
  for (const trunk of trunks) {
    for (const assignment of trunk.assignments) {
      const own = byTenant.get(assignment.tenant) ?? { trunks: [], pools: [] };
      byTenant.set(assignment.tenant, own);
      own.trunks.push(trunk);
      own.pools.push(poolOf(assignment));
    }
  }
  return new Map(Array.from(byTenant, ([tenant, { trunks, pools }]) => [tenant, TrunksByNumber.of(trunks, pools)]));
}

function indexTenant(tenant: Tenant): TenantIndex {
  let index = tenantIndexes.get(tenant);
  if (index === undefined) {
    const groupsByMember = new Map<string, Group[]>();
    for (const group of tenant.groups) for (const member of new Set(group.members)) push(groupsByMember, member, group);
    index = {
      tenant,
      extensions: new Map(tenant.extensions.map((extension) => [extension.number, extension])),
      services: new Map(tenant.services.map((service) => [service.number, service])),
      groups: new Map(tenant.groups.map((group) => [group.name, group])),
      groupsByMember,
      outboundRules: tenant.outboundRules.filter((rule) => rule.enabled).sort(byPriorityThenName),
    };
    tenantIndexes.set(tenant, index);
  }
  return index;
}

function byPriorityThenName(a: OutboundRule, b: OutboundRule): number {
  if (a.priority !== b.priority) return a.priority - b.priority;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
