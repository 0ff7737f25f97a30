/** What tenants say of trunks and of the numbers in their pools there. */

import { noSuch } from '../../base/nearest.ts';
import type { Steps } from '../../base/steps.ts';
import { TextMap } from '../../base/text-map.ts';
import { poolOf } from '../directory/trunk-pools.ts';
import { formatRange } from '../tenants/did-pool.ts';
import { someNumberMeant } from '../tenants/number-format.ts';
import { checkRulesOfOneDid, didsOf } from '../tenants/rules.ts';
import type { Tenant } from '../tenants/schema.ts';
import type { ProvisioningProblem } from '../trunk-settings/problem.ts';
import type { Trunk, TrunkSettings } from '../trunk-settings/schema.ts';
import { callerIdsOutside, type UsableTrunk } from './caller-ids.ts';
import type { CheckScope, Place } from './scope.ts';

/** A trunk of a state that is checked. */
export interface CheckedTrunk {
  /** As it is written, and with what its brand says. */
  readonly settings: TrunkSettings;
  readonly trunk: Trunk;
  readonly path: string;
}

/**
 * What tenants say of trunks: they exist, the tenant may use them, DIDs are inside the tenant's pool there, and none is in too many rules.
 * `readable` are those whose pools have no fault.
 */
export function* checkTrunkReferences(
  scope: CheckScope,
  entries: readonly CheckedTrunk[],
  readable: ReadonlySet<CheckedTrunk>,
  problems: ProvisioningProblem[],
): Steps<void> {
  const referring: Place<Tenant>[] = [];
  /** By the names of those, of most of which no trunk is. */
  const usable = new TextMap<TextMap<CheckedTrunk> | undefined>();
  for (const place of scope.tenants) {
    yield;
    const [, tenant] = place;
    if (!scope.asksReferences(tenant)) continue;
    referring.push(place);
    usable.set(tenant.name, undefined);
  }
  for (const entry of entries) {
    for (const { tenant } of entry.trunk.assignments) {
      if (!usable.has(tenant)) continue;
      const byReference = usable.get(tenant) ?? new TextMap<CheckedTrunk>();
      usable.set(tenant, byReference);
      if (!byReference.has(entry.trunk.id)) byReference.set(entry.trunk.id, entry);
      byReference.set(entry.trunk.name, entry);
    }
    yield;
  }
  for (const [index, tenant] of referring) {
    const mine = usable.get(tenant.name) ?? new TextMap<CheckedTrunk>();
    for (const { path, trunk } of trunkReferencesOf(tenant)) {
      if (mine.has(trunk)) continue;
      const names = [...mine.values()].map((entry) => entry.trunk.name);
      problems.push({
        code: 'unknown-trunk',
        path: `tenants[${index}].${path}`,
        message: `${noSuch('trunk', trunk, names)} that tenant "${tenant.name}" may use`,
        tenants: [tenant.name],
      });
    }
    checkDids(tenant, `tenants[${index}]`, mine, readable, scope.before(tenant.name), problems);
    yield;
    yield* checkRulesOfOneDid(
      tenant.inboundRules,
      (reference) => mine.get(reference)?.trunk.id ?? reference,
      (code, path, message) =>
        problems.push({ code, path: `tenants[${index}].${path}`, message, tenants: [tenant.name] }),
    );
  }
}

/** Every place where a tenant names a trunk. */
function trunkReferencesOf(tenant: Tenant): { readonly path: string; readonly trunk: string }[] {
  const references: { path: string; trunk: string }[] = [];
  const callerIds = (list: Tenant['outboundCallerIds'], path: string) => {
    for (const [index, { trunk }] of list.entries())
      references.push({ path: `${path}outboundCallerIds[${index}].trunk`, trunk });
  };
  callerIds(tenant.outboundCallerIds, '');
  for (const collection of ['extensions', 'groups', 'services'] as const) {
    const items = tenant[collection];
    // Counted, not iterated: of ten thousand extensions nothing is allocated.
    for (let index = 0; index < items.length; index++) {
      const { outboundCallerIds } = items[index] as (typeof items)[number];
      if (outboundCallerIds.length > 0) callerIds(outboundCallerIds, `${collection}[${index}].`);
    }
  }
  for (const [index, rule] of tenant.outboundRules.entries()) {
    for (const [at, { trunk }] of rule.routes.entries())
      references.push({ path: `outboundRules[${index}].routes[${at}].trunk`, trunk });
  }
  for (const [index, { trunk }] of tenant.emergency.routes.entries())
    references.push({ path: `emergency.routes[${index}].trunk`, trunk });
  for (const [index, { trunk }] of tenant.inboundRules.entries())
    references.push({ path: `inboundRules[${index}].trunk`, trunk });
  return references;
}

function checkDids(
  tenant: Tenant,
  path: string,
  mine: ReadonlyMap<string, CheckedTrunk>,
  readable: ReadonlySet<CheckedTrunk>,
  before: Tenant | undefined,
  problems: ProvisioningProblem[],
): void {
  for (const [index, rule] of tenant.inboundRules.entries()) {
    const entry = mine.get(rule.trunk);
    const dids = didsOf(rule);
    if (entry === undefined || dids === undefined || !readable.has(entry)) continue;
    const assignment = entry.trunk.assignments.find((candidate) => candidate.tenant === tenant.name);
    if (assignment !== undefined && !poolOf(assignment).containsRange(dids)) {
      problems.push({
        code: 'did-outside-pool',
        path: `${path}.inboundRules[${index}].dids`,
        tenants: [tenant.name],
        message: `${formatRange(dids)} is not inside the pool of tenant "${tenant.name}" on trunk "${entry.trunk.name}"`,
      });
    }
  }
  const usableOf = (entry: CheckedTrunk | undefined): UsableTrunk | undefined => {
    const assignment = entry?.trunk.assignments.find((candidate) => candidate.tenant === tenant.name);
    if (entry === undefined || assignment === undefined || !readable.has(entry)) return undefined;
    return { trunk: entry.trunk, pool: poolOf(assignment) };
  };
  const usable = [...new Set(mine.values())].flatMap((entry) => usableOf(entry) ?? []);
  for (const [index, group] of tenant.groups.entries()) {
    for (const [at, did] of group.dids.entries()) {
      if (usable.some(({ trunk, pool }) => someNumberMeant(did, trunk.numberFormat, (number) => pool.contains(number))))
        continue;
      problems.push({
        code: 'did-outside-pool',
        path: `${path}.groups[${index}].dids[${at}]`,
        message: `${did} is in none of the pools of tenant "${tenant.name}"`,
        tenants: [tenant.name],
      });
    }
  }
  // What is the same object as before was not written.
  if (tenant === before) return;
  const named = (reference: string) => usableOf(mine.get(reference));
  for (const { path: at, message } of callerIdsOutside(tenant, usable, named, before))
    problems.push({ code: 'caller-id-outside-pools', path: `${path}.${at}`, message, tenants: [tenant.name] });
}
