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
const extensionKeys = derived((tenant: Tenant) =>
  derived((extension: Extension) => `extension ${tenant.name}/${extension.number}`),
);

export function extensionKey(tenant: Tenant, extension: Extension): string {
  return extensionKeys(tenant)(extension);
}

export const trunkHolder = derived((trunk: Trunk): CapacityHolder => ({ key: `trunk ${trunk.id}`, ...trunk.limits }));

const sharesOf = derived((trunk: Trunk) =>
  derived(({ tenant, concurrentCalls }: Trunk['assignments'][number]): readonly CapacityHolder[] => {
    const holder = trunkHolder(trunk);
    return concurrentCalls === undefined
      ? [holder]
      : [holder, { key: `trunk ${trunk.id} tenant ${tenant}`, concurrentCalls }];
  }),
);

/** The trunk's own places, and those of the tenant's share of it. */
export function trunkHolders(trunk: Trunk, { name }: Tenant, directory: Directory): readonly CapacityHolder[] {
  const assignment = directory.assignment(trunk.id, name);
  return assignment === undefined ? [trunkHolder(trunk)] : sharesOf(trunk)(assignment);
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
