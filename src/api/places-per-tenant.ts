/** How much a tenant may have of what costs all tenants something: each takes memory, and time of others' calls, changes or sign-ins. */
import type { Steps } from '../base/steps.ts';
import { certificateIn, tenantIn, trunkIn } from '../provisioning/directory/places.ts';
import type { ProvisioningEdits } from '../provisioning/directory/store.ts';
import { documentOctets } from '../provisioning/tenants/document-octets.ts';
import { trunkIdOf } from '../provisioning/trunk-settings/effective.ts';
import type { Provisioned, TrunkSettings } from '../provisioning/trunk-settings/schema.ts';
import { isSystemAdmin } from './access.ts';
import type { ApiContext } from './context.ts';
import { ApiProblem } from './problem.ts';
import type { Identity } from './tokens.ts';

type Limited = 'trunks' | 'users' | 'webhooks' | 'bytes';

const TRUNKS_PER_STEP = 250;

/** @param present what there is of all tenants. @throws ApiProblem 409 when the tenant has as many as it may have */
export function requirePlace(
  { limits }: Pick<ApiContext, 'limits'>,
  what: 'users' | 'webhooks',
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

/**
 * The same of the octets of all that an admin makes of its own tenant: its settings, what it owns, its own trunks and certificates. A change that
 * makes none of it longer is always good, also where a system admin or a file has made a tenant longer than this.
 */
export function* requireRoom(
  { limits }: Pick<ApiContext, 'limits'>,
  identity: Identity,
  state: Provisioned,
  { putTenants = [], putTrunks = [], putCertificates = [] }: ProvisioningEdits,
): Steps<void> {
  const { tenant } = identity;
  if (isSystemAdmin(identity) || tenant === undefined) return;
  let more = 0;
  for (const [before, after] of [
    ...putTenants.map((each) => [tenantIn(state, each.name), each] as const),
    ...putTrunks.map((each) => [trunkIn(state, trunkIdOf(each)), each] as const),
    ...putCertificates.map((each) => [certificateIn(state, each.name), each] as const),
  ]) {
    const was = before === undefined ? 0 : yield* documentOctets(before);
    more += (yield* documentOctets(after, before)) - was;
    yield;
  }
  if (more <= 0) return;
  const own = tenantIn(state, tenant);
  let present = own === undefined ? 0 : yield* documentOctets(own);
  for (const list of [state.trunks, state.certificates]) {
    for (let at = 0; at < list.length; at++) {
      const each = list.at(at);
      if (each?.owner === tenant) present += yield* documentOctets(each);
      if (at % TRUNKS_PER_STEP === 0) yield;
    }
  }
  refuseBeyond(limits.bytesPerTenant, 'bytes', tenant, present, more);
}

function refuseBeyond(most: number, what: Limited, tenant: string, present: number, more: number): void {
  if (present + more <= most) return;
  const bound = `may have ${most} (api.${what}PerTenant): delete what it does not need, or ask a system admin`;
  const detail = `tenant ${tenant} has ${present} ${what}, would have ${present + more}, and ${bound}`;
  throw new ApiProblem(409, `too-many-${what}`, detail);
}
