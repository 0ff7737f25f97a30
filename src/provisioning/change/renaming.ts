/**
 * A trunk keeps its rules when it is renamed. People name trunks by name, and so does what is stored; what is meant is the trunk, which
 * is known by its id. So a change that renames a trunk takes along every place where a tenant names it.
 */

import type { Steps } from '../../base/steps.ts';
import { tenantIn, trunkIn } from '../directory/places.ts';
import type { ProvisioningEdits } from '../directory/store.ts';
import type { Tenant } from '../tenants/schema.ts';
import { trunkIdOf, withBrand } from '../trunk-settings/effective.ts';
import type { Provisioned, TrunkSettings } from '../trunk-settings/schema.ts';

/**
 * The tenants to write for a change: those of the change, and those that name a trunk which the change renames. What the change itself
 * writes counts as written, unless the name that it uses is the old one and nobody's any more.
 */
export function* followRenames(before: Provisioned, change: ProvisioningEdits): Steps<readonly Tenant[]> {
  const written = change.putTenants ?? [];
  const names = yield* newNames(before, change.putTrunks ?? []);
  if (names.size === 0) return written;
  const inChange = new Set([...written.map(({ name }) => name), ...(change.deleteTenants ?? [])]);
  const taken = yield* namesTaken(
    before,
    change,
    written.map(({ name }) => name).filter((name) => names.has(name)),
  );
  const followed: Tenant[] = [];
  for (const tenant of written) {
    const mine = names.get(tenant.name);
    const isTaken = (name: string) => taken.get(tenant.name)?.has(name) === true;
    const nameOf = (name: string) => (isTaken(name) ? name : (mine?.get(name) ?? name));
    followed.push(mine === undefined ? tenant : withTrunkNames(tenant, nameOf));
    yield;
  }
  for (const [name, mine] of names) {
    const tenant = inChange.has(name) ? undefined : tenantIn(before, name);
    const after = tenant && withTrunkNames(tenant, (trunk) => mine.get(trunk) ?? trunk);
    if (after !== undefined && after !== tenant) followed.push(after);
    yield;
  }
  return followed;
}

/** By tenant that may use one, what trunks are called that get another name. */
function* newNames(
  before: Provisioned,
  put: readonly TrunkSettings[],
): Steps<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const names = new Map<string, Map<string, string>>();
  for (const trunk of put) {
    yield;
    const old = trunkIn(before, trunkIdOf(trunk));
    if (old === undefined || old.name === trunk.name) continue;
    for (const { tenant } of withBrand(old).assignments) {
      const mine = names.get(tenant) ?? new Map<string, string>();
      names.set(tenant, mine.set(old.name, trunk.name));
    }
  }
  return names;
}

/** By tenant, of these, the names of the trunks that it may use after the change. */
function* namesTaken(
  before: Provisioned,
  { putTrunks = [], deleteTrunks = [] }: ProvisioningEdits,
  tenants: readonly string[],
): Steps<ReadonlyMap<string, ReadonlySet<string>>> {
  const taken = new Map(tenants.map((name) => [name, new Set<string>()]));
  if (taken.size === 0) return taken;
  const replaced = new Set([...putTrunks.map(trunkIdOf), ...deleteTrunks]);
  for (const [at, trunk] of [...before.trunks, ...putTrunks].entries()) {
    yield;
    if (at < before.trunks.length && replaced.has(trunkIdOf(trunk))) continue;
    for (const { tenant } of withBrand(trunk).assignments) taken.get(tenant)?.add(trunk.name);
  }
  return taken;
}

/** The tenant with each name of a trunk replaced; the same object when nothing changes. */
function withTrunkNames(tenant: Tenant, nameOf: (name: string) => string): Tenant {
  let changed = false;
  const rename = <T extends { readonly trunk: string }>(item: T): T => {
    const trunk = nameOf(item.trunk);
    if (trunk === item.trunk) return item;
    changed = true;
    return { ...item, trunk };
  };
  const owners = <T extends { readonly outboundCallerIds: readonly { readonly trunk: string }[] }>(
    items: readonly T[],
  ) =>
    // Most have none and stay the object that they are.
    items.map((item) =>
      item.outboundCallerIds.length === 0 ? item : { ...item, outboundCallerIds: item.outboundCallerIds.map(rename) },
    );
  const renamed = {
    ...tenant,
    outboundCallerIds: tenant.outboundCallerIds.map(rename),
    emergency: { ...tenant.emergency, routes: tenant.emergency.routes.map(rename) },
    extensions: owners(tenant.extensions),
    groups: owners(tenant.groups),
    services: owners(tenant.services),
    outboundRules: tenant.outboundRules.map((rule) => ({ ...rule, routes: rule.routes.map(rename) })),
    inboundRules: tenant.inboundRules.map(rename),
  } as Tenant;
  return changed ? renamed : tenant;
}
