/**
 * The look-up tables of a snapshot, made of those of the snapshot before it: only what a change touches is looked at, and everything
 * else is shared. A snapshot that is made anew is one that comes after nothing.
 */
import { derived } from '../../base/derived.ts';
import { LayeredMap } from '../../base/layered-map.ts';
import type { Steps } from '../../base/steps.ts';
import { TextMap } from '../../base/text-map.ts';
import type { Tenant } from '../tenants/schema.ts';
import { trunkIdOf, withBrand } from '../trunk-settings/effective.ts';
import { groupSteps, networksMeet } from '../trunk-settings/providers.ts';
import type { Provisioned, Trunk, TrunkSettings } from '../trunk-settings/schema.ts';
import { sourcesOf, type TrunkSources } from '../trunk-settings/sources.ts';
import { whatsappCalls } from '../trunk-settings/whatsapp.ts';
import type { Change, ProvisioningDiff } from './difference.ts';
import type { NumberIndex } from './number-index.ts';
import { trunkPlace } from './places.ts';
import { takeTablesOver } from './tenant-tables.ts';
import { keysOf, providerKeysOf } from './trunk-keys.ts';
import { numberIndexOf, poolOf } from './trunk-pools.ts';

/** Trunks of one provider, and who owns which number on them. */
export interface Provider {
  readonly index: NumberIndex;
  readonly trunks: readonly Trunk[];
}

/** What a snapshot looks things up in; one that differs little shares most of it. */
export interface Indexes {
  readonly byDomain: LayeredMap<Tenant>;
  readonly byName: LayeredMap<Tenant>;
  readonly trunksById: LayeredMap<Trunk>;
  readonly trunksByHost: LayeredMap<readonly Trunk[]>;
  readonly trunksOfTenant: LayeredMap<readonly Trunk[]>;
  /** By what no two trunks may have in common, and by what makes them of one provider. */
  readonly trunksByKey: LayeredMap<readonly Trunk[]>;
  /** By trunk id. */
  readonly providers: LayeredMap<Provider>;
}

export const NO_INDEXES: Indexes = {
  byDomain: new LayeredMap(),
  byName: new LayeredMap(),
  trunksById: new LayeredMap(),
  trunksByHost: new LayeredMap(),
  trunksOfTenant: new LayeredMap(),
  trunksByKey: new LayeredMap(),
  providers: new LayeredMap(),
};

const MANY_COMERS = 64;
const TRUNKS_PER_STEP = 25;

/** The host, and the name that WhatsApp calls a number by. */
function realmsOf(trunk: Trunk): string[] {
  const calls = whatsappCalls(trunk);
  const host = trunk.host.toLowerCase();
  return calls === undefined || calls.hostname === host ? [host] : [host, calls.hostname];
}

/** A trunk as it was and as it is. */
type TrunkChange = Change<Trunk>;

/** The tables of the state that comes after the one that `previous` was made of, with what is different. */
export function* indexSteps(state: Provisioned, previous: Indexes, diff: ProvisioningDiff): Steps<Indexes> {
  const byDomain = new TextMap<Tenant | undefined>();
  const byName = new TextMap<Tenant | undefined>();
  for (const { before, after } of diff.tenants) {
    if (before !== undefined) {
      byDomain.set(before.domain.toLowerCase(), undefined);
      if (after === undefined) byName.set(before.name, undefined);
    }
  }
  for (const { before, after } of diff.tenants) {
    if (after === undefined) continue;
    byDomain.set(after.domain.toLowerCase(), after);
    byName.set(after.name, after);
    if (before !== undefined) takeTablesOver(before, after);
    yield;
  }
  const changes: TrunkChange[] = [];
  for (const { before, after } of diff.trunks) {
    changes.push({ before: before && withBrand(before), after: after && withBrand(after) });
    yield;
  }
  const shared = {
    byDomain: yield* previous.byDomain.editedSteps(byDomain),
    byName: yield* previous.byName.editedSteps(byName),
  };
  yield;
  if (changes.length === 0) return { ...previous, ...shared };
  const inOrder = sorterOf(state);
  const trunksById = yield* previous.trunksById.editedSteps(
    new TextMap([
      ...changes.flatMap(({ before }) => (before === undefined ? [] : [[before.id, undefined] as const])),
      ...changes.flatMap(({ after }) => (after === undefined ? [] : [[after.id, after] as const])),
    ]),
  );
  yield;
  const trunksByHost = yield* filed(previous.trunksByHost, changes, realmsOf, inOrder);
  const trunksByKey = yield* filed(previous.trunksByKey, changes, keysOf, inOrder);
  const trunksOfTenant = yield* filed(previous.trunksOfTenant, changes, tenantsOf, inOrder);
  const providers = yield* providerSteps(state, { ...previous, trunksByKey, trunksById }, changes, inOrder);
  return { ...shared, trunksById, trunksByHost, trunksByKey, trunksOfTenant, providers };
}

type InOrder = (trunks: Iterable<Trunk>) => readonly Trunk[];

/**
 * Sorts trunks as the state has them. Most lists hold one trunk: all tables share the list of it.
 */
function sorterOf(state: Provisioned): InOrder {
  const alone = new Map<Trunk, readonly Trunk[]>();
  return (some) => {
    const list = [...some];
    const [first] = list;
    if (first === undefined) return list;
    if (list.length === 1) {
      const known = alone.get(first) ?? [first];
      alone.set(first, known);
      return known;
    }
    return list.sort((a, b) => trunkPlace(state, a.id) - trunkPlace(state, b.id));
  };
}

/** By key, what a list is to lose and to gain. */
function* editsByKey(changes: readonly TrunkChange[], keysOfTrunk: (trunk: Trunk) => Iterable<string>) {
  const edits = new TextMap<{ readonly gone: Set<Trunk>; readonly come: Set<Trunk> }>();
  const of = (key: string) => {
    let edit = edits.get(key);
    if (edit === undefined) {
      edit = { gone: new Set(), come: new Set() };
      edits.set(key, edit);
    }
    return edit;
  };
  for (const { before, after } of changes) {
    if (before !== undefined) for (const key of keysOfTrunk(before)) of(key).gone.add(before);
    if (after !== undefined) for (const key of keysOfTrunk(after)) of(key).come.add(after);
    yield;
  }
  return edits;
}

/** Lists of trunks by key, after the changes. */
function* filed(
  previous: LayeredMap<readonly Trunk[]>,
  changes: readonly TrunkChange[],
  keysOfTrunk: (trunk: Trunk) => Iterable<string>,
  inOrder: InOrder,
): Steps<LayeredMap<readonly Trunk[]>> {
  const lists = new TextMap<readonly Trunk[] | undefined>();
  for (const [key, { gone, come }] of yield* editsByKey(changes, keysOfTrunk)) {
    const stay = (previous.get(key) ?? []).filter((trunk) => !gone.has(trunk));
    const list = inOrder([...stay, ...come]);
    lists.set(key, list.length === 0 ? undefined : list);
    yield;
  }
  return yield* previous.editedSteps(lists);
}

export function tenantsOf({ assignments }: Trunk): string[] {
  return assignments.map(({ tenant }) => tenant);
}

/** One of a tenant's trunks, by its name. */
export function trunkNamed(trunks: readonly Trunk[], name: string): Trunk | undefined {
  return trunks.length > FEW ? byName(trunks).get(name) : trunks.find((trunk) => trunk.name === name);
}

/** So many are looked through as fast as they are found in a table, which takes more room than they do. */
const FEW = 8;

const byName = derived((trunks: readonly Trunk[]) => new TextMap(trunks.map((trunk) => [trunk.name, trunk] as const)));

/**
 * The trunks by provider. Only providers that a changed trunk left, stayed at or came to are looked at: what it was of by its id, what it
 * comes to by the brands, names and networks that it has in common with others.
 */
function* providerSteps(
  state: Provisioned,
  known: Indexes,
  changes: readonly TrunkChange[],
  inOrder: InOrder,
): Steps<LayeredMap<Provider>> {
  const comers = changes.flatMap(({ after }) => after ?? []);
  const touched = yield* providersMet(state, known, comers);
  const edits = new TextMap<Provider | undefined>();
  for (const { before, after } of changes) {
    if (before === undefined) continue;
    const provider = known.providers.get(before.id);
    if (provider !== undefined) touched.add(provider);
    if (after === undefined) edits.set(before.id, undefined);
  }
  const members = new TextMap(comers.map((trunk) => [trunk.id, trunk] as const));
  for (const provider of touched) {
    for (const trunk of provider.trunks) if (known.trunksById.get(trunk.id) === trunk) members.set(trunk.id, trunk);
    yield;
  }
  for (const trunk of comers) edits.set(trunk.id, undefined);
  for (const trunk of members.values()) {
    sourcesOf(trunk);
    for (const assignment of trunk.assignments) poolOf(assignment);
    yield;
  }
  for (const group of yield* groupSteps(inOrder(members.values()), sourcesOf)) {
    const trunks = group.length === 1 ? inOrder(group) : group;
    const provider = { index: indexLike(touched, known, trunks), trunks };
    for (const { id } of trunks) edits.set(id, provider);
    yield;
  }
  return yield* known.providers.editedSteps(edits);
}

/** The providers of trunks that these, new or changed, have a brand, a name or a network in common with. */
export function* providersMet(
  state: Provisioned,
  known: Pick<Indexes, 'trunksByKey' | 'providers'>,
  comers: readonly Trunk[],
): Steps<Set<Provider>> {
  const met = new Set<Provider>();
  const meet = (id: string) => {
    const provider = known.providers.get(id);
    if (provider !== undefined) met.add(provider);
  };
  for (const trunk of comers) {
    for (const key of providerKeysOf(trunk)) for (const { id } of known.trunksByKey.get(key) ?? []) meet(id);
    yield;
  }
  const networks = comers.flatMap((trunk) => sourcesOf(trunk).networks);
  const isMet = ({ networks: others }: TrunkSources) =>
    // So many that asking each for all others would cost more than to look at every provider.
    comers.length > MANY_COMERS || networksMeet(others, networks);
  if (networks.length === 0) return met;
  for (let at = 0; at < state.trunks.length; at++) {
    const settings = state.trunks.at(at) as TrunkSettings;
    if (isMet(sourcesOf(withBrand(settings)))) meet(trunkIdOf(settings));
    if (at % TRUNKS_PER_STEP === 0) yield;
  }
  return met;
}

/** The number index that these trunks had already when all their pools are the same; else a new one. */
function indexLike(touched: ReadonlySet<Provider>, known: Indexes, trunks: readonly Trunk[]): NumberIndex {
  const [first] = trunks;
  const before = first === undefined ? undefined : known.providers.get(first.id);
  if (before === undefined || !touched.has(before) || before.trunks.length !== trunks.length)
    return numberIndexOf(trunks);
  const same = trunks.every((trunk, at) => samePools(trunk, before.trunks[at]));
  return same ? before.index : numberIndexOf(trunks);
}

function samePools(trunk: Trunk, before: Trunk | undefined): boolean {
  if (trunk === before) return true;
  if (trunk.id !== before?.id || trunk.assignments.length !== before.assignments.length) return false;
  return trunk.assignments.every(({ tenant, didPool }, at) => {
    const was = before.assignments[at];
    return was?.tenant === tenant && was.didPool === didPool;
  });
}
