/**
 * Where each tenant, trunk and certificate stands in the lists of a state. Lists that come of one another by edits share what is known of their
 * places, so that a small change of a large state looks for nothing.
 */
import { LayeredMap } from '../../base/layered-map.ts';
import { allAtOnce, type Steps } from '../../base/steps.ts';
import type { Tenant } from '../tenants/schema.ts';
import type { CertificateSettings } from '../trunk-settings/certificate-schema.ts';
import { trunkIdOf } from '../trunk-settings/effective.ts';
import type { Provisioning, TrunkSettings } from '../trunk-settings/schema.ts';

/** By name of a tenant or certificate and id of a trunk: the place of the first that has it. */
type Places = LayeredMap<string, number>;

const known = new WeakMap<readonly unknown[], Places>();

const nameOf = ({ name }: Tenant | CertificateSettings): string => name;

export function tenantIn({ tenants }: Provisioning, name: string): Tenant | undefined {
  return tenants[tenantPlace({ tenants }, name)];
}

/** By id. */
export function trunkIn({ trunks }: Provisioning, id: string): TrunkSettings | undefined {
  return trunks[trunkPlace({ trunks }, id)];
}

/** -1: there is none of this name. */
export function tenantPlace({ tenants }: Pick<Provisioning, 'tenants'>, name: string): number {
  return placesOf(tenants, nameOf).get(name) ?? -1;
}

/** -1: there is none of this id. */
export function trunkPlace({ trunks }: Pick<Provisioning, 'trunks'>, id: string): number {
  return placesOf(trunks, trunkIdOf).get(id) ?? -1;
}

export function certificateIn(
  { certificates }: Pick<Provisioning, 'certificates'>,
  name: string,
): CertificateSettings | undefined {
  return certificates[certificatePlace({ certificates }, name)];
}

/** -1: there is none of this name. */
export function certificatePlace({ certificates }: Pick<Provisioning, 'certificates'>, name: string): number {
  return placesOf(certificates, nameOf).get(name) ?? -1;
}

/** The list after edits: what is replaced keeps its place, what is new comes last. The same list when there are none. */
export function editedTenants(present: Tenant[], put: readonly Tenant[], removed: readonly string[]): Steps<Tenant[]> {
  return edited(present, put, removed, nameOf);
}

/** {@link editedTenants} of trunks, which are removed by id. */
export function editedTrunks(
  present: TrunkSettings[],
  put: readonly TrunkSettings[],
  removed: readonly string[],
): Steps<TrunkSettings[]> {
  return edited(present, put, removed, trunkIdOf);
}

/** {@link editedTenants} of certificates. */
export function editedCertificates(
  present: CertificateSettings[],
  put: readonly CertificateSettings[],
  removed: readonly string[],
): Steps<CertificateSettings[]> {
  return edited(present, put, removed, nameOf);
}

const ITEMS_PER_STEP = 250;

function placesOf<T>(list: readonly T[], keyOf: (item: T) => string): Places {
  return known.get(list) ?? allAtOnce(placeSteps(list, keyOf));
}

function* placeSteps<T>(list: readonly T[], keyOf: (item: T) => string): Steps<Places> {
  const before = known.get(list);
  if (before !== undefined) return before;
  const first = new Map<string, number>();
  for (const [place, item] of list.entries()) {
    const key = keyOf(item);
    if (!first.has(key)) first.set(key, place);
    if (place % ITEMS_PER_STEP === 0) yield;
  }
  const places = new LayeredMap(first);
  known.set(list, places);
  return places;
}

function* edited<T>(
  present: T[],
  put: readonly T[],
  removed: readonly string[],
  keyOf: (item: T) => string,
): Steps<T[]> {
  if (put.length === 0 && removed.length === 0) return present;
  const places = yield* placeSteps(present, keyOf);
  const replacements = new Map<string, T>();
  for (const item of put) {
    replacements.set(keyOf(item), item);
    if (replacements.size % ITEMS_PER_STEP === 0) yield;
  }
  const gone = new Set(removed.filter((key) => places.get(key) !== undefined && !replacements.has(key)));
  if (replacements.size === 0 && gone.size === 0) return present;
  const list = [...present];
  const added = new Map<string, number>();
  let count = 0;
  for (const [key, item] of replacements) {
    const place = places.get(key);
    if (place !== undefined) list[place] = item;
    else added.set(key, list.push(item) - 1);
    if (++count % ITEMS_PER_STEP === 0) yield;
  }
  if (gone.size > 0) {
    const rest = list.filter((item) => !gone.has(keyOf(item)));
    yield* placeSteps(rest, keyOf);
    return rest;
  }
  known.set(list, yield* places.editedSteps(added));
  return list;
}
