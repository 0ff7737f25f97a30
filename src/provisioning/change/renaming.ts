/**
 * A trunk keeps its rules when it is renamed. People name trunks by name, and so does what is stored; what is meant is the trunk, which
 * is known by its id. So a change that renames a trunk takes along every place where a tenant names it.
 */

import { trunkIn } from '../directory/places.ts';
import type { ProvisioningEdits } from '../directory/store.ts';
import type { Tenant } from '../tenants/schema.ts';
import { trunkIdOf, withBrand } from '../trunk-settings/effective.ts';
import type { Provisioning, TrunkSettings } from '../trunk-settings/schema.ts';

/**
 * The tenants to write for a change: those of the change, and those that name a trunk which the change renames. What the change itself
 * writes counts as written, unless the name that it uses is the old one and nobody's any more.
 */
export function followRenames(before: Provisioning, change: ProvisioningEdits): readonly Tenant[] {
  const written = change.putTenants ?? [];
  const renamed = renamedTrunks(before, change.putTrunks ?? []);
  if (renamed.length === 0) return written;
  const gone = new Set(change.deleteTrunks);
  const after = new Map(
    before.trunks.filter((trunk) => !gone.has(trunkIdOf(trunk))).map((trunk) => [trunkIdOf(trunk), trunk]),
  );
  for (const trunk of change.putTrunks ?? []) after.set(trunkIdOf(trunk), trunk);
  const follow = (tenant: Tenant, isWritten: boolean): Tenant => {
    const names = new Map(
      renamed.filter(({ old }) => mayUse(old, tenant.name)).map(({ old, name }) => [old.name, name]),
    );
    if (names.size === 0) return tenant;
    const taken = new Set([...after.values()].filter((trunk) => mayUse(trunk, tenant.name)).map(({ name }) => name));
    return withTrunkNames(tenant, (name) => (isWritten && taken.has(name) ? name : (names.get(name) ?? name)));
  };
  const inChange = new Set(written.map(({ name }) => name));
  const others = before.tenants
    .filter(({ name }) => !inChange.has(name) && change.deleteTenants?.includes(name) !== true)
    .flatMap((tenant) => {
      const followed = follow(tenant, false);
      return followed === tenant ? [] : [followed];
    });
  return [...written.map((tenant) => follow(tenant, true)), ...others];
}

function renamedTrunks(before: Provisioning, put: readonly TrunkSettings[]) {
  return put.flatMap((trunk) => {
    const old = trunkIn(before, trunkIdOf(trunk));
    return old === undefined || old.name === trunk.name ? [] : [{ old, name: trunk.name }];
  });
}

function mayUse(trunk: TrunkSettings, tenant: string): boolean {
  return withBrand(trunk).assignments.some((assignment) => assignment.tenant === tenant);
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
  ) => items.map((item) => ({ ...item, outboundCallerIds: item.outboundCallerIds.map(rename) }));
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
