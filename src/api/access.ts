import { isDeepStrictEqual } from 'node:util';
import { trunkIn } from '../provisioning/directory/places.ts';
import { trunkIdOf } from '../provisioning/trunk-settings/effective.ts';
import type { ProvisioningProblem } from '../provisioning/trunk-settings/problem.ts';
import type { Provisioned, TrunkSettings, TrunkType } from '../provisioning/trunk-settings/schema.ts';
import { withoutSecrets } from './documents.ts';
import { ApiProblem, forbidden, notFound } from './problem.ts';
import type { Identity } from './tokens.ts';

/**
 * Who may see and do what. What an admin may not see answers 404, as if it did not exist; what it may see and not do answers 403.
 * A tenant admin without a tenant cannot be made; should one be, it sees nothing.
 */

/** Types that a tenant admin may create, each for its own tenant alone. */
const TENANT_ADMIN_TYPES: ReadonlySet<TrunkType> = new Set(['register', 'accept-register', 'teams', 'whatsapp']);
/** Types that only a tenant admin configures (guide "Microsoft Teams", "WhatsApp"); a system admin sees and deletes them. */
const TENANT_ADMIN_ONLY_TYPES: ReadonlySet<TrunkType> = new Set(['teams', 'whatsapp']);
/** Settings of a tenant that are the system admin's. */
const SYSTEM_TENANT_FIELDS = ['name', 'domain', 'limits', 'stopOutbound', 'emergencyNumbers', 'emergency'] as const;
/** Files of the machine; a tenant may not name them. */
const TLS_FILE_FIELDS = ['certificate', 'key', 'ca'] as const;

export function isSystemAdmin(identity: Identity): boolean {
  return identity.role === 'system-admin';
}

export function maySeeTenant(identity: Identity, tenant: string | undefined): boolean {
  return isSystemAdmin(identity) || (tenant !== undefined && identity.tenant === tenant);
}

export function requireTenant(identity: Identity, tenant: string): void {
  if (!maySeeTenant(identity, tenant)) throw notFound(`tenant ${tenant}`);
}

export function requireSystemAdmin(identity: Identity, what: string): void {
  if (!isSystemAdmin(identity)) throw forbidden(`only a system admin may ${what}`);
}

/** The tenant that a listing is about: the one asked for if it may be seen, a tenant admin's own otherwise. */
export function tenantScope(identity: Identity, asked: string | undefined): string | undefined {
  if (asked !== undefined) requireTenant(identity, asked);
  return asked ?? identity.tenant;
}

/** A trunk is seen by its owner and by the tenants that it is assigned to. */
export function maySeeTrunk(identity: Identity, trunk: TrunkSettings): boolean {
  return (
    isSystemAdmin(identity) ||
    isOwner(identity, trunk) ||
    trunk.tenants.some(({ tenant }) => maySeeTenant(identity, tenant))
  );
}

function isOwner(identity: Identity, trunk: TrunkSettings): boolean {
  return identity.tenant !== undefined && trunk.owner === identity.tenant;
}

/** By id; a trunk that may not be seen is not there. */
export function visibleTrunk(identity: Identity, state: Provisioned, id: string): TrunkSettings {
  const trunk = trunkIn(state, id);
  if (trunk === undefined || !maySeeTrunk(identity, trunk)) throw notFound(`trunk ${id}`);
  return trunk;
}

/** The guide: tenant admins modify the trunks that they created themselves, and no others. */
export function requireTrunkOwner(identity: Identity, trunk: TrunkSettings): void {
  if (isSystemAdmin(identity) || (isOwner(identity, trunk) && TENANT_ADMIN_TYPES.has(trunk.type))) return;
  throw forbidden('this trunk belongs to the system admin; only its creator may change it');
}

/** A tenant's Teams or WhatsApp trunk is configured by that tenant's admin, also when a system admin names the owner. */
function requireTenantAdmin(identity: Identity, trunk: TrunkSettings | undefined): void {
  if (trunk === undefined || !isSystemAdmin(identity) || !TENANT_ADMIN_ONLY_TYPES.has(trunk.type)) return;
  throw forbidden(`only a tenant admin may configure a ${trunk.type} trunk; a system admin may see and delete it`);
}

/** A tenant admin writes trunks of its own tenant's: of others it learns not even that they are there. */
export function requireOwnTrunk(identity: Identity, { owner }: Pick<TrunkSettings, 'owner'>): void {
  if (isSystemAdmin(identity)) return;
  if (owner === 'system') throw forbidden("a tenant admin creates its own tenant's trunks only");
  if (owner !== identity.tenant) throw notFound(`tenant ${owner}`);
}

/** What an admin may make of a trunk: a tenant admin of one of its own, a system admin of any but a tenant's Teams and WhatsApp trunks. */
export function requireAllowedTrunk(identity: Identity, trunk: TrunkSettings, before: TrunkSettings | undefined): void {
  requireTenantAdmin(identity, before);
  requireTenantAdmin(identity, trunk);
  requireOwnTrunk(identity, trunk);
  if (isSystemAdmin(identity)) return;
  if (!TENANT_ADMIN_TYPES.has(trunk.type)) throw forbidden('only a system admin may create an IP trunk');
  if (trunk.tenants.some((assignment) => assignment.tenant !== identity.tenant)) {
    throw forbidden("a tenant's own trunk cannot be shared with other tenants");
  }
  const isNewlyVerified = trunk.tenants.some(
    (assignment) =>
      assignment.verified === true && !before?.tenants.some((earlier) => isDeepStrictEqual(earlier, assignment)),
  );
  if (isNewlyVerified) throw forbidden('only a system admin may say that the numbers of a pool are verified');
  const changesFiles = TLS_FILE_FIELDS.some((field) => trunk.tls?.[field] !== before?.tls?.[field]);
  if (changesFiles) throw forbidden('only a system admin may name certificate files');
}

/** A tenant admin changes its tenant's settings, but not those that bound it. */
export function requireAllowedTenantChange(identity: Identity, before: object, after: object): void {
  if (isSystemAdmin(identity)) return;
  for (const field of SYSTEM_TENANT_FIELDS) {
    const was = JSON.stringify((before as Record<string, unknown>)[field]);
    const is = JSON.stringify((after as Record<string, unknown>)[field]);
    if (was !== is) throw forbidden(`only a system admin may change ${field}`);
  }
}

/** A trunk as this admin may see it: no secrets; for a trunk that is only assigned, no credentials and no other tenant. */
export function trunkView(identity: Identity, trunk: TrunkSettings): Record<string, unknown> {
  const id = trunkIdOf(trunk);
  if (isSystemAdmin(identity) || isOwner(identity, trunk)) return withoutSecrets({ ...trunk, id });
  const { credentials: _credentials, tls: _tls, ...rest } = trunk;
  const tenants = trunk.tenants.filter(({ tenant }) => maySeeTenant(identity, tenant));
  return withoutSecrets({ ...rest, id, addHeaders: [], tenants });
}

const CONCEALED = 'conflicts with something that belongs to another tenant or to the system';

/**
 * A refusal may name what broke the rule: another tenant's pool, another's trunk. A tenant admin learns that there is a conflict, not
 * with whom. Its paths name only what the admin sent or may see.
 */
export function hideOthers(identity: Identity, state: Provisioned, problem: ApiProblem): ApiProblem {
  if (isSystemAdmin(identity)) return problem;
  const names = (text: string) =>
    state.tenants.some(
      ({ name, domain }) => name !== identity.tenant && (text.includes(name) || text.includes(domain)),
    ) ||
    state.trunks.some(
      (trunk) => (text.includes(trunk.name) || text.includes(trunkIdOf(trunk))) && !maySeeTrunk(identity, trunk),
    );
  const problems = problem.problems.map((fault) => {
    const { tenants, redacted, ...shown } = fault as ProvisioningProblem;
    const others = tenants?.some((tenant) => tenant !== identity.tenant) === true;
    // What speaks of the own tenant alone repeats the caller's words: hiding them would tell that somebody else has such a name.
    if (!others && tenants !== undefined && tenants.length > 0) return { ...shown };
    const message = others ? (redacted ?? CONCEALED) : names(fault.message) ? CONCEALED : fault.message;
    return { ...shown, message };
  });
  const isFirst = problem.message === problem.problems[0]?.message;
  const detail = isFirst || names(problem.message) ? (problems[0]?.message ?? CONCEALED) : problem.message;
  return new ApiProblem(problem.status, problem.code, detail, { problems });
}
