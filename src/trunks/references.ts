/** What refers to what: a trunk, tenant, group, extension or service that something refers to is not deleted (behaviour 29). */
import type { Destination, Tenant } from '../tenants/schema.ts';
import { withBrand } from './effective.ts';
import { trunkReferencesOf } from './provisioning.ts';
import type { Provisioning } from './schema.ts';

/** Something that would be deleted. `trunk-assignment` is a tenant's right to use a trunk. */
export type Referent =
  | { readonly kind: 'tenant'; readonly name: string }
  | { readonly kind: 'trunk'; readonly id: string }
  | { readonly kind: 'trunk-assignment'; readonly id: string; readonly tenant: string }
  | { readonly kind: 'group'; readonly tenant: string; readonly name: string }
  | { readonly kind: 'extension' | 'service'; readonly tenant: string; readonly number: string };

/** Something that refers to it. */
export interface Referrer {
  /** `outbound-rule`, `inbound-rule`, `group`, `extension`, `service`, `tenant`, `trunk`. */
  readonly kind: string;
  /** The tenant that it belongs to; undefined for trunks of the system. */
  readonly tenant: string | undefined;
  /** Its name, number or, for trunks, id. */
  readonly name: string;
}

/** Everything that refers to `referent`, each once; empty when it may be deleted. */
export function referrersOf(state: Provisioning, referent: Referent): Referrer[] {
  switch (referent.kind) {
    case 'tenant':
      return trunksOfTenant(state, referent.name);
    case 'trunk':
      return trunkReferrers(state, referent.id, undefined);
    case 'trunk-assignment':
      return trunkReferrers(state, referent.id, referent.tenant);
    case 'group':
    case 'extension':
    case 'service': {
      const tenant = state.tenants.find(({ name }) => name === referent.tenant);
      if (tenant === undefined) return [];
      return referent.kind === 'group'
        ? groupReferrers(tenant, referent.name)
        : numberReferrers(tenant, referent.number);
    }
    default:
      return referent satisfies never;
  }
}

function trunksOfTenant(state: Provisioning, name: string): Referrer[] {
  const referrers: Referrer[] = [];
  for (const settings of state.trunks) {
    const trunk = withBrand(settings);
    if (trunk.owner === name || trunk.assignments.some(({ tenant }) => tenant === name)) {
      referrers.push({ kind: 'trunk', tenant: trunk.owner === 'system' ? undefined : trunk.owner, name: trunk.id });
    }
  }
  return referrers;
}

function trunkReferrers(state: Provisioning, id: string, only: string | undefined): Referrer[] {
  const settings = state.trunks.find((candidate) => withBrand(candidate).id === id);
  if (settings === undefined) return [];
  const trunk = withBrand(settings);
  const users = new Set(trunk.assignments.map(({ tenant }) => tenant));
  const referrers: Referrer[] = [];
  for (const tenant of state.tenants) {
    if (!users.has(tenant.name) || (only !== undefined && tenant.name !== only)) continue;
    for (const reference of trunkReferencesOf(tenant)) {
      if (reference.trunk === trunk.name || reference.trunk === trunk.id)
        referrers.push({ kind: reference.kind, tenant: tenant.name, name: reference.name });
    }
  }
  return distinct(referrers);
}

function groupReferrers(tenant: Tenant, group: string): Referrer[] {
  return tenant.outboundRules
    .filter((rule) => rule.match.groups.includes(group))
    .map((rule) => ({ kind: 'outbound-rule', tenant: tenant.name, name: rule.name }));
}

/** Extensions and services share one range of numbers, so what refers to a number refers to whichever holds it. */
function numberReferrers(tenant: Tenant, number: string): Referrer[] {
  const referrers: Referrer[] = [];
  const add = (kind: string, name: string) => referrers.push({ kind, tenant: tenant.name, name });
  for (const group of tenant.groups) if (group.members.includes(number)) add('group', group.name);
  for (const service of tenant.services) {
    if (service.number === number) continue;
    if (service.kind === 'ring-group' && service.members.includes(number)) add('service', service.number);
    else if (service.overflow === number) add('service', service.number);
  }
  for (const extension of tenant.extensions) {
    const { always, busy, noAnswer, notRegistered } = extension.forward;
    if (extension.number !== number && [always, busy, noAnswer, notRegistered].includes(number))
      add('extension', extension.number);
  }
  for (const rule of tenant.inboundRules) {
    if ([rule.destination, rule.outsideHours, rule.onHolidays].some((destination) => leadsTo(destination, number)))
      add('inbound-rule', rule.name);
  }
  return distinct(referrers);
}

function leadsTo(destination: Destination | undefined, number: string): boolean {
  return (
    destination !== undefined &&
    (destination.extension === number || destination.service === number || destination.number === number)
  );
}

function distinct(referrers: readonly Referrer[]): Referrer[] {
  const seen = new Set<string>();
  return referrers.filter(({ kind, tenant, name }) => {
    const key = `${kind} ${tenant ?? ''} ${name}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
