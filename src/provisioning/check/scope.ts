/**
 * What a check of the provisioned state looks at: all of it, or what a change can have broken in a state that was whole before. The
 * rules are the same and know nothing of it (`provisioning.ts`); that both ways find the same is tested at random.
 */
import type { List } from '../../base/chunked-list.ts';
import type { Steps } from '../../base/steps.ts';
import { TextMap } from '../../base/text-map.ts';
import type { ProvisioningDiff } from '../directory/difference.ts';
import type { Directory } from '../directory/directory.ts';
import { certificatePlace, tenantPlace, trunkPlace } from '../directory/places.ts';
import { keysOf } from '../directory/trunk-keys.ts';
import { poolOf } from '../directory/trunk-pools.ts';
import type { Tenant } from '../tenants/schema.ts';
import type { CertificateSettings } from '../trunk-settings/certificate-schema.ts';
import { withBrand } from '../trunk-settings/effective.ts';
import type { Assignment, Provisioned, Trunk, TrunkSettings } from '../trunk-settings/schema.ts';
import { isWithin } from '../trunk-settings/teams.ts';
import type { TeamsSide } from '../trunk-settings/teams-schema.ts';
import { whatsappCalls } from '../trunk-settings/whatsapp.ts';

/** An item with its place in the state. */
export type Place<T> = readonly [index: number, item: T];

export interface CheckScope {
  readonly state: Provisioned;
  /** Those that are asked about, and those that they could clash with or need; in the order of the state. */
  readonly tenants: readonly Place<Tenant>[];
  readonly trunks: readonly Place<TrunkSettings>[];
  /** Those that are asked about. */
  readonly certificates: readonly Place<CertificateSettings>[];
  /** Whether the rules that a tenant keeps by itself are asked. */
  asksTenant(tenant: Tenant): boolean;
  /** Whether what a tenant says of trunks is asked. */
  asksReferences(tenant: Tenant): boolean;
  asksTrunk(trunk: TrunkSettings): boolean;
  /** All tenants' names, for somebody who meant another. */
  tenantNames(): Iterable<string>;
  /** The tenant as it was before. */
  before(name: string): Tenant | undefined;
}

const YES = () => true;

export function wholeScope(state: Provisioned, before: Provisioned | undefined): CheckScope {
  const earlier = new TextMap(before?.tenants.map((tenant) => [tenant.name, tenant] as const));
  return {
    state,
    tenants: [...state.tenants.entries()],
    trunks: [...state.trunks.entries()],
    certificates: [...state.certificates.entries()],
    asksTenant: YES,
    asksReferences: YES,
    asksTrunk: YES,
    tenantNames: () => namesOf(state),
    before: (name) => earlier.get(name),
  };
}

/** What a change can have broken: what is written, what refers to it, and what it could clash with. */
export function* changeScope(before: Directory, state: Provisioned, diff: ProvisioningDiff): Steps<CheckScope> {
  const tenants = new Set<Tenant>();
  const referring = new Set<Tenant>();
  const trunks = new Set<Trunk>();
  const asked = new Set<Trunk>();
  const changedTenants = new TextMap<Tenant | undefined>();
  for (const { before: was, after } of diff.tenants) {
    changedTenants.set((after ?? was)?.name ?? '', after);
    if (changedTenants.size % ITEMS_PER_STEP === 0) yield;
  }
  const changedTrunks = new Set(diff.trunks.flatMap(({ before: was }) => (was === undefined ? [] : withBrand(was))));
  const tenantNow = (name: string) => (changedTenants.has(name) ? changedTenants.get(name) : before.tenantByName(name));
  const addTenant = (tenant: Tenant | undefined) => {
    if (tenant !== undefined && tenantNow(tenant.name) === tenant) tenants.add(tenant);
  };
  const addTrunks = (some: Iterable<Trunk>, to = trunks) => {
    for (const trunk of some) if (!changedTrunks.has(trunk)) to.add(trunk);
  };
  const refers = (name: string) => {
    const tenant = tenantNow(name);
    if (tenant !== undefined) referring.add(tenant);
  };

  for (const { before: was, after } of diff.tenants) {
    if (after === undefined && was !== undefined) {
      addTrunks(before.trunksOf(was.name), asked);
      addTrunks(
        before.trunks.filter(({ owner }) => owner === was.name),
        asked,
      );
    } else if (after !== undefined) {
      referring.add(after);
      addTenant(before.tenantByDomain(after.domain));
      addTrunks(before.trunksByHost(after.domain));
    }
    yield;
  }
  for (const { before: was, after } of diff.trunks) {
    if (was !== undefined) for (const { tenant } of withBrand(was).assignments) refers(tenant);
    if (after !== undefined) {
      const trunk = withBrand(after);
      asked.add(trunk);
      for (const { tenant } of trunk.assignments) refers(tenant);
      for (const key of keysOf(trunk).filter(isExclusive)) addTrunks(before.trunksByKey(key));
      addTenant(before.tenantByDomain(whatsappCalls(trunk)?.hostname ?? trunk.host));
    }
    yield;
  }
  yield* overlapWitnesses(before, diff, addTrunks);
  yield* teamsTrunksAsked(before, diff, (trunk) => addTrunks([trunk], asked));
  for (const trunk of asked) {
    addTenant(tenantNow(trunk.owner));
    for (const { tenant } of trunk.assignments) addTenant(tenantNow(tenant));
    yield;
  }
  for (const tenant of referring) {
    tenants.add(tenant);
    addTrunks(before.trunksOf(tenant.name));
    yield;
  }
  for (const trunk of asked) trunks.add(trunk);
  const written = new Set(changedTenants.values());
  return {
    state,
    tenants: yield* inPlace(tenants, state.tenants, ({ name }) => tenantPlace(state, name)),
    trunks: yield* inPlace(trunks, state.trunks, ({ id }) => trunkPlace(state, id)),
    certificates: yield* inPlace(certificatesAsked(state, diff), state.certificates, ({ name }) =>
      certificatePlace(state, name),
    ),
    asksTenant: (tenant) => written.has(tenant),
    asksReferences: (tenant) => referring.has(tenant),
    asksTrunk: (trunk) => asked.has(withBrand(trunk)),
    tenantNames: () => namesOf(state),
    before: (name) => before.tenantByName(name),
  };
}

/** The teams trunks that what is written could concern: their certificates, and whose domain their names are in. */
function* teamsTrunksAsked(before: Directory, diff: ProvisioningDiff, add: (trunk: Trunk) => void): Steps<void> {
  const certificates = new Set(diff.certificates.map(({ before: was, after }) => (after ?? was)?.name));
  const domains = diff.tenants.flatMap(({ before: was, after }) => {
    const isNew = after !== undefined && after.domain !== was?.domain;
    return [...(isNew ? [after.domain] : []), ...(isNew && was !== undefined ? [was.domain] : [])];
  });
  if (certificates.size === 0 && domains.length === 0) return;
  const isConcerned = ({ certificate, fqdn }: TeamsSide) =>
    certificates.has(certificate) || domains.some((domain) => isWithin(fqdn, domain));
  for (let at = 0; at < before.trunks.length; at++) {
    if (at % ITEMS_PER_STEP === 0) yield;
    const trunk = before.trunks.at(at) as Trunk;
    if (trunk.teams !== undefined && isConcerned(trunk.teams)) add(trunk);
  }
}

/** Those that are written, and those whose owner goes. */
function certificatesAsked({ certificates }: Provisioned, diff: ProvisioningDiff): readonly CertificateSettings[] {
  const written = diff.certificates.flatMap(({ after }) => after ?? []);
  const gone = new Set(
    diff.tenants.flatMap(({ before, after }) => (after === undefined && before ? [before.name] : [])),
  );
  if (gone.size === 0) return written;
  return [...new Set([...written, ...certificates.filter(({ owner }) => gone.has(owner))])];
}

/**
 * The trunks whose pools a change could clash with. One trunk that is of one provider, and takes no number that anybody else has there,
 * clashes with nobody; otherwise every trunk of the providers that it meets is looked at.
 */
function* overlapWitnesses(
  before: Directory,
  diff: ProvisioningDiff,
  addTrunks: (trunks: Iterable<Trunk>) => void,
): Steps<void> {
  const comers = diff.trunks.flatMap(({ after }) => (after === undefined ? [] : withBrand(after)));
  if (comers.length === 0) return;
  const met = yield* before.providersMet(comers);
  const [comer] = comers;
  const [provider] = met;
  if (comers.length === 1 && comer !== undefined && met.size <= 1) {
    const isFree = (assignment: Assignment) =>
      provider === undefined || provider.index.isFreeFor(assignment.tenant, poolOf(assignment));
    if (isReadable(comer) && comer.assignments.every(isFree)) return;
  }
  for (const { trunks } of met) {
    addTrunks(trunks);
    yield;
  }
}

function isReadable(trunk: Trunk): boolean {
  try {
    for (const assignment of trunk.assignments) poolOf(assignment);
    return true;
  } catch {
    return false;
  }
}

/** Whether one trunk only may have the key; the others make trunks of one provider. */
function isExclusive(key: string): boolean {
  return !key.startsWith('source ');
}

const ITEMS_PER_STEP = 250;

/** With their places in a list, in its order. */
function* inPlace<T, U>(items: Iterable<T>, list: List<U>, placeOf: (item: T) => number): Steps<Place<U>[]> {
  const places: number[] = [];
  for (const item of items) if (places.push(placeOf(item)) % ITEMS_PER_STEP === 0) yield;
  const found: Place<U>[] = [];
  // Numbers alone are sorted in a fifth of the time.
  for (const place of Int32Array.from(places).sort()) {
    const item = list.at(place);
    if (item !== undefined && found.push([place, item]) % ITEMS_PER_STEP === 0) yield;
  }
  return found;
}

function* namesOf({ tenants }: Provisioned): Generator<string> {
  for (const { name } of tenants) yield name;
}
