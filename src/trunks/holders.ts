/** Whose limits there are, under which keys they are counted, and what is set for them: trunks, tenants, tenants' parts of trunks, extensions. */
import { derived } from '../base/derived.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { Extension, Tenant } from '../provisioning/tenants/schema.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { CapacityHolder } from './capacity.ts';

/** What may be set for one holder or another. */
export interface HolderLimits {
  readonly concurrentCalls?: number | undefined;
  readonly callsPerSecond?: number | undefined;
  readonly callsPerMinute?: number | undefined;
  readonly dailyMinutes?: number | undefined;
}

const NONE: HolderLimits = {};

export const tenantKey = derived((tenant: Tenant) => `tenant ${tenant.name}`);

/** By extension, of those that have called: what is kept with an extension must not hold the tenant, of which there is another after each change. */
const extensionKeys = derived((_tenant: Tenant) => new Map<string, string>());

export function extensionKey(tenant: Tenant, { number }: Extension): string {
  const keys = extensionKeys(tenant);
  let key = keys.get(number);
  if (key === undefined) {
    key = `extension ${tenant.name}/${number}`;
    keys.set(number, key);
  }
  return key;
}

export const trunkHolder = derived((trunk: Trunk): CapacityHolder => ({ key: `trunk ${trunk.id}`, ...trunk.limits }));

const withoutShare = derived((trunk: Trunk): readonly CapacityHolder[] => [trunkHolder(trunk)]);

/** By tenant, of those that have called over it and have a limit of their own there. */
const withShares = derived(
  (_trunk: Trunk) => new Map<string, readonly [trunk: CapacityHolder, share: CapacityHolder]>(),
);

/** The trunk's own places, and those of the tenant's share of it. */
export function trunkHolders(trunk: Trunk, { name }: Tenant, directory: Directory): readonly CapacityHolder[] {
  const concurrentCalls = directory.assignment(trunk.id, name)?.concurrentCalls;
  if (concurrentCalls === undefined) return withoutShare(trunk);
  const shares = withShares(trunk);
  let holders = shares.get(name);
  // The directory may be of another time than the trunk.
  if (holders?.[1].concurrentCalls !== concurrentCalls) {
    holders = [trunkHolder(trunk), { key: `trunk ${trunk.id} tenant ${name}`, concurrentCalls }];
    shares.set(name, holders);
  }
  return holders;
}

/** The same and the tenant's own, for an inbound call. */
export function inboundHolders(trunk: Trunk, tenant: Tenant, directory: Directory): CapacityHolder[] {
  const { concurrentCalls } = tenant.limits;
  return trunkHolders(trunk, tenant, directory).concat({ key: tenantKey(tenant), concurrentCalls });
}

/** Keys of the tenant, of the trunks, and of its parts of them: whom a call over these has places of, but for its extension. */
export function holderKeys(trunkIds: readonly string[], tenant: string | undefined): string[] {
  const trunks = trunkIds.map((id) => `trunk ${id}`);
  if (tenant === undefined) return trunks;
  return [`tenant ${tenant}`, ...trunks, ...trunks.map((key) => `${key} tenant ${tenant}`)];
}

/** What is set for the holder of a key in a snapshot; nothing for one that is not there. */
export function limitsOf(key: string, directory: Directory): HolderLimits {
  const [kind, name = '', , tenant] = key.split(' ');
  if (kind === 'tenant') return directory.tenantByName(name)?.limits ?? NONE;
  if (kind === 'trunk') {
    if (tenant !== undefined) return directory.assignment(name, tenant) ?? NONE;
    return directory.trunk(name)?.limits ?? NONE;
  }
  const [of = '', number = ''] = name.split('/');
  return directory.extension(of, number)?.limits ?? NONE;
}
