/**
 * Where each tenant, trunk and certificate stands in the lists of a state. Lists that come of one another by edits share what is known of their
 * places, so that a small change of a large state looks for nothing.
 */
import { edited as editedList, type List, without } from '../../base/chunked-list.ts';
import { derived } from '../../base/derived.ts';
import { LayeredMap } from '../../base/layered-map.ts';
import { allAtOnce, type Steps } from '../../base/steps.ts';
import { TextMap } from '../../base/text-map.ts';
import type { Tenant } from '../tenants/schema.ts';
import type { CertificateSettings } from '../trunk-settings/certificate-schema.ts';
import { trunkIdOf } from '../trunk-settings/effective.ts';
import type { Provisioned, TrunkSettings } from '../trunk-settings/schema.ts';

/** Which key stands where: of two with one key the first counts. */
interface Places {
  /** By name of a tenant or certificate and id of a trunk: the place that it would have if none had gone. */
  readonly byKey: LayeredMap<number>;
  /** Those of these places that nobody has any more, ascending: whatever stood behind one has moved up. */
  readonly gone: readonly number[];
}

/** More gaps are closed: a list without them costs as much as a look at all. */
const MOST_GONE = 64;

const known = derived((_list: List<unknown>): { places?: Places } => ({}));

const nameOf = ({ name }: Tenant | CertificateSettings): string => name;

export function tenantIn({ tenants }: Pick<Provisioned, 'tenants'>, name: string): Tenant | undefined {
  return tenants.at(placeOrEnd(tenants, tenantPlace({ tenants }, name)));
}

/** By id. */
export function trunkIn({ trunks }: Pick<Provisioned, 'trunks'>, id: string): TrunkSettings | undefined {
  return trunks.at(placeOrEnd(trunks, trunkPlace({ trunks }, id)));
}

/** -1: there is none of this name. */
export function tenantPlace({ tenants }: Pick<Provisioned, 'tenants'>, name: string): number {
  return placeIn(placesOf(tenants, nameOf), name);
}

/** -1: there is none of this id. */
export function trunkPlace({ trunks }: Pick<Provisioned, 'trunks'>, id: string): number {
  return placeIn(placesOf(trunks, trunkIdOf), id);
}

export function certificateIn(
  { certificates }: Pick<Provisioned, 'certificates'>,
  name: string,
): CertificateSettings | undefined {
  return certificates.at(placeOrEnd(certificates, certificatePlace({ certificates }, name)));
}

/** -1: there is none of this name. */
export function certificatePlace({ certificates }: Pick<Provisioned, 'certificates'>, name: string): number {
  return placeIn(placesOf(certificates, nameOf), name);
}

/** The list after edits: what is replaced keeps its place, what is new comes last. The same list when there are none. */
export function editedByName<T extends Tenant | CertificateSettings>(
  present: List<T>,
  put: readonly T[],
  removed: readonly string[],
): Steps<List<T>> {
  return edited(present, put, removed, nameOf);
}

/** {@link editedByName} of trunks, which are removed by id. */
export function editedTrunks(
  present: List<TrunkSettings>,
  put: readonly TrunkSettings[],
  removed: readonly string[],
): Steps<List<TrunkSettings>> {
  return edited(present, put, removed, trunkIdOf);
}

const ITEMS_PER_STEP = 250;

/** Behind the end there is nobody; before the beginning is the last. */
function placeOrEnd({ length }: List<unknown>, place: number): number {
  return place < 0 ? length : place;
}

function placeIn({ byKey, gone }: Places, key: string): number {
  const place = byKey.get(key);
  return place === undefined ? -1 : place - countBelow(gone, place);
}

/** How many of these, which ascend, are less. */
function countBelow(ascending: readonly number[], limit: number): number {
  const end = ascending.findIndex((place) => place > limit);
  return end < 0 ? ascending.length : end;
}

function placesOf<T>(list: List<T>, keyOf: (item: T) => string): Places {
  return known(list).places ?? allAtOnce(placeSteps(list, keyOf));
}

function* placeSteps<T>(list: List<T>, keyOf: (item: T) => string): Steps<Places> {
  const before = known(list).places;
  if (before !== undefined) return before;
  const first = new TextMap<number>();
  for (let place = 0; place < list.length; place++) {
    const key = keyOf(list.at(place) as T);
    if (!first.has(key)) first.set(key, place);
    if (place % ITEMS_PER_STEP === 0) yield;
  }
  const places = { byKey: new LayeredMap(first), gone: [] };
  known(list).places = places;
  return places;
}

function* edited<T>(
  present: List<T>,
  put: readonly T[],
  removed: readonly string[],
  keyOf: (item: T) => string,
): Steps<List<T>> {
  if (put.length === 0 && removed.length === 0) return present;
  const places = yield* placeSteps(present, keyOf);
  const wanted = new TextMap<T>();
  for (const item of put) {
    wanted.set(keyOf(item), item);
    if (wanted.size % ITEMS_PER_STEP === 0) yield;
  }
  const gone = new Set(removed.filter((key) => placeIn(places, key) >= 0 && !wanted.has(key)));
  if (wanted.size === 0 && gone.size === 0) return present;
  const replaced = new Map<number, T>();
  const added: T[] = [];
  const edits = new TextMap<number | undefined>();
  let count = 0;
  for (const [key, item] of wanted) {
    const place = placeIn(places, key);
    if (place >= 0) replaced.set(place, item);
    else edits.set(key, present.length + places.gone.length + added.push(item) - 1);
    if (++count % ITEMS_PER_STEP === 0) yield;
  }
  const list = yield* editedList(present, replaced, added);
  const byKey = yield* places.byKey.editedSteps(edits);
  if (gone.size === 0) {
    known(list).places = { byKey, gone: places.gone };
    return list;
  }
  return yield* removedFrom(list, { byKey, gone: places.gone }, gone, keyOf);
}

/** The list without all that have these keys. */
function* removedFrom<T>(
  list: List<T>,
  places: Places,
  keys: ReadonlySet<string>,
  keyOf: (item: T) => string,
): Steps<List<T>> {
  const left: number[] = [];
  for (let place = 0; place < list.length; place++) {
    if (keys.has(keyOf(list.at(place) as T))) left.push(place);
    if (place % ITEMS_PER_STEP === 0) yield;
  }
  const rest = yield* without(list, left);
  const gone = [...places.gone, ...Array.from(keys, (key) => places.byKey.get(key) ?? -1)].sort((a, b) => a - b);
  // A key that stood twice leaves more than one place, which nobody knows of.
  if (gone.length > MOST_GONE || left.length !== keys.size) yield* placeSteps(rest, keyOf);
  else {
    const byKey = yield* places.byKey.editedSteps(new TextMap(Array.from(keys, (key) => [key, undefined] as const)));
    known(rest).places = { byKey, gone };
  }
  return rest;
}
