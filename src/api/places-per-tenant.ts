/** How many a tenant may have of what costs all tenants something: each takes memory, and time of others' calls, changes or sign-ins. */
import type { Provisioned, TrunkSettings } from '../provisioning/trunk-settings/schema.ts';
import { isSystemAdmin } from './access.ts';
import type { ApiContext } from './context.ts';
import { ApiProblem } from './problem.ts';
import type { Identity } from './tokens.ts';

type Limited = 'trunks' | 'users' | 'webhooks';

/** @param present what there is of all tenants. @throws ApiProblem 409 when the tenant has as many as it may have */
export function requirePlace(
  { limits }: Pick<ApiContext, 'limits'>,
  what: Limited,
  tenant: string | undefined,
  present: readonly { readonly tenant?: string }[],
): void {
  if (tenant === undefined) return;
  refuseBeyond(limits[`${what}PerTenant`], what, tenant, present.filter((each) => each.tenant === tenant).length, 1);
}

/** The same of trunks that an admin makes for its own tenant. Whoever sees all tenants may make a tenant more. */
export function requireTrunkPlaces(
  { limits }: Pick<ApiContext, 'limits'>,
  identity: Identity,
  { trunks }: Provisioned,
  made: readonly TrunkSettings[],
): void {
  const { tenant } = identity;
  if (isSystemAdmin(identity) || tenant === undefined || made.length === 0) return;
  let count = 0;
  for (const { owner } of trunks) if (owner === tenant) count++;
  refuseBeyond(limits.trunksPerTenant, 'trunks', tenant, count, made.length);
}

function refuseBeyond(most: number, what: Limited, tenant: string, present: number, more: number): void {
  if (present + more <= most) return;
  const detail = `tenant ${tenant} has ${present} ${what}, and may have ${most}`;
  throw new ApiProblem(409, `too-many-${what}`, detail);
}
