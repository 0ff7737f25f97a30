/**
 * Who may see and do what (behaviour "Roles"). What somebody may not see does not exist for them (404); what they may see and not
 * do is forbidden (403). Pure functions, used by REST and the command line alike.
 */
import type { Tenant } from '../tenants/schema.ts';
import { withBrand } from './effective.ts';
import type { ProvisioningProblem } from './provisioning.ts';
import type { Provisioning, TrunkSettings, TrunkType } from './schema.ts';

export type Identity = { readonly role: 'system-admin' } | { readonly role: 'tenant-admin'; readonly tenant: string };

/** `hidden` is answered 404, `forbidden` 403. */
export type Verdict = 'allowed' | 'hidden' | 'forbidden';

/** Types that a tenant admin may create, each for its own tenant alone. */
const TENANT_ADMIN_TYPES: ReadonlySet<TrunkType> = new Set(['register', 'accept-register', 'teams', 'whatsapp']);

/** What only the system admin changes in a tenant: its identity, and the limits that guard against fraud. */
const SYSTEM_ONLY_TENANT_FIELDS = ['name', 'domain', 'limits'] as const satisfies readonly (keyof Tenant)[];

/** Reading a tenant and everything in it. */
export function mayReadTenant(identity: Identity, tenant: string): Verdict {
  return identity.role === 'system-admin' || identity.tenant === tenant ? 'allowed' : 'hidden';
}

/** Deleting a tenant. */
export function mayDeleteTenant(identity: Identity, tenant: string): Verdict {
  if (identity.role === 'system-admin') return 'allowed';
  return identity.tenant === tenant ? 'forbidden' : 'hidden';
}

/** Changing a tenant's own fields from `before` to `after`. */
export function mayUpdateTenant(identity: Identity, before: Tenant, after: Tenant): Verdict {
  const readable = mayReadTenant(identity, before.name);
  if (readable !== 'allowed' || identity.role === 'system-admin') return readable;
  const untouched = SYSTEM_ONLY_TENANT_FIELDS.every(
    (field) => JSON.stringify(before[field]) === JSON.stringify(after[field]),
  );
  return untouched ? 'allowed' : 'forbidden';
}

/** Reading a trunk: its owner and the tenants it is assigned to. */
export function mayReadTrunk(identity: Identity, trunk: TrunkSettings): Verdict {
  if (identity.role === 'system-admin' || trunk.owner === identity.tenant) return 'allowed';
  return trunk.tenants.some(({ tenant }) => tenant === identity.tenant) ? 'allowed' : 'hidden';
}

/** Creating this trunk. */
export function mayCreateTrunk(identity: Identity, trunk: Pick<TrunkSettings, 'type' | 'owner'>): Verdict {
  if (identity.role === 'system-admin') return 'allowed';
  return trunk.owner === identity.tenant && TENANT_ADMIN_TYPES.has(trunk.type) ? 'allowed' : 'forbidden';
}

/** Changing a trunk, `after` being what it would become; a trunk does not change hands or become what could not be created. */
export function mayUpdateTrunk(
  identity: Identity,
  before: TrunkSettings,
  after: Pick<TrunkSettings, 'type' | 'owner'>,
): Verdict {
  const readable = mayReadTrunk(identity, before);
  if (readable !== 'allowed' || identity.role === 'system-admin') return readable;
  return before.owner === identity.tenant ? mayCreateTrunk(identity, after) : 'forbidden';
}

export function mayDeleteTrunk(identity: Identity, trunk: TrunkSettings): Verdict {
  return mayUpdateTrunk(identity, trunk, trunk);
}

/** Assigning a trunk to tenants, changing or taking back an assignment: the system admin's. */
export function mayAssignTrunk(identity: Identity, trunk: TrunkSettings): Verdict {
  const readable = mayReadTrunk(identity, trunk);
  if (readable !== 'allowed') return readable;
  return identity.role === 'system-admin' ? 'allowed' : 'forbidden';
}

/**
 * A trunk as somebody may see it. Nobody is shown a password. A tenant admin sees an assigned trunk without its credentials and
 * without the other tenants' assignments.
 */
export function trunkSeenBy(identity: Identity, trunk: TrunkSettings): TrunkSettings {
  if (identity.role === 'system-admin' || trunk.owner === identity.tenant) return withoutPassword(trunk);
  const { credentials: _credentials, tls: _tls, ...rest } = trunk;
  return { ...rest, addHeaders: [], tenants: trunk.tenants.filter(({ tenant }) => tenant === identity.tenant) };
}

function withoutPassword(trunk: TrunkSettings): TrunkSettings {
  if (trunk.credentials?.password === undefined) return trunk;
  const { password: _password, ...credentials } = trunk.credentials;
  return { ...trunk, credentials };
}

/** A tenant as anybody may see it: no passwords, no hashes. */
export function tenantWithoutSecrets(tenant: Tenant): Tenant {
  return {
    ...tenant,
    extensions: tenant.extensions.map(withoutSecrets),
    services: tenant.services.map(withoutSecrets),
  };
}

/** An extension or service without its password and hashes. */
export function withoutSecrets<T extends { readonly password?: unknown; readonly ha1?: unknown }>(account: T): T {
  const { password: _password, ha1: _ha1, ...rest } = account;
  return rest as unknown as T;
}

/** A state as somebody may see it; what is hidden is left out. */
export function provisioningSeenBy(identity: Identity, state: Provisioning): Provisioning {
  return {
    tenants: state.tenants.filter(({ name }) => mayReadTenant(identity, name) === 'allowed').map(tenantWithoutSecrets),
    trunks: state.trunks
      .filter((trunk) => mayReadTrunk(identity, trunk) === 'allowed')
      .map((trunk) => trunkSeenBy(identity, trunk)),
  };
}

/** Problems in words that name nothing their reader may not see (behaviour 25). */
export function problemsSeenBy(identity: Identity, problems: readonly ProvisioningProblem[]): ProvisioningProblem[] {
  if (identity.role === 'system-admin') return [...problems];
  return problems.map(({ code, path, message, tenants, redacted }) => {
    const foreign =
      tenants?.some((tenant) => tenant !== identity.tenant) === true ||
      (tenants?.length === 0 && redacted !== undefined);
    return { code, path, message: foreign ? (redacted ?? 'conflicts with something outside this tenant') : message };
  });
}

/** The id under which a trunk is reached: its own, or the one derived for it. */
export function trunkIdOf(trunk: TrunkSettings): string {
  return trunk.id ?? withBrand(trunk).id;
}
