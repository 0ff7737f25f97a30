/**
 * Which trunks are of one provider (behaviour 2): those with a brand (unless generic), a name or a source address in common; of two
 * networks it is enough that one holds the other. Sameness carries over: a host that a brand uses is that brand's for generic trunks
 * too, and who speaks from a carrier's network is that carrier, whatever its host is called.
 */
import type { List } from '../../base/chunked-list.ts';
import { compareNetworks, covers, type Network } from '../../base/network.ts';
import { type Steps, sorted } from '../../base/steps.ts';
import { type TrunkSources, withNetworks } from './sources.ts';

/** The items in groups of one provider each. Items without any source are of none. */
export function* groupSteps<T>(items: List<T>, of: (item: T) => TrunkSources): Steps<T[][]> {
  const sets = new DisjointSets();
  const sources: TrunkSources[] = [];
  for (let at = 0; at < items.length; at++) {
    const found = of(items.at(at) as T);
    sources.push(found);
    for (const brand of found.brands) sets.join(at, `brand ${brand}`);
    for (const name of found.names) sets.join(at, `name ${name}`);
    yield;
  }
  yield* joinNetworks(sets, sources);
  const groups = new Map<number | string, T[]>();
  for (let at = 0; at < items.length; at++) {
    const item = items.at(at) as T;
    const { brands, names, networks } = sources[at] as TrunkSources;
    if (brands.length + names.length + networks.length === 0) continue;
    const root = sets.find(at);
    const group = groups.get(root);
    if (group === undefined) groups.set(root, [item]);
    else group.push(item);
    yield;
  }
  return [...groups.values()];
}

/** Sorted, a network comes right after those that hold it: one walk with the stack of those that are still open. */
function* joinNetworks(sets: DisjointSets, sources: readonly TrunkSources[]): Steps<void> {
  const all: { readonly network: Network; readonly item: number }[] = [];
  for (const [item, { networks }] of sources.entries()) for (const network of networks) all.push({ network, item });
  yield;
  const inOrder = yield* sorted(all, (a, b) => compareNetworks(a.network, b.network));
  const open: typeof all = [];
  for (const entry of inOrder) {
    let last = open.at(-1);
    while (last !== undefined && !covers(last.network, entry.network)) {
      open.pop();
      last = open.at(-1);
    }
    if (last !== undefined) sets.join(last.item, entry.item);
    open.push(entry);
    yield;
  }
}

/**
 * The same groups, of those only that one of the seeds is in; the groups of all when these are large. Each item has networks beside what
 * is written of it: all items are asked at each change of a trunk, so the two are not put together for it.
 */
export function* groupsAround<T>(
  seeds: readonly T[],
  items: List<T>,
  of: (item: T) => TrunkSources,
  networksOf: (item: T) => readonly Network[],
): Steps<T[][]> {
  const groups: T[][] = [];
  const grouped = new Set<T>();
  const allOf = (item: T) => withNetworks(of(item), networksOf(item));
  for (const seed of seeds) {
    if (grouped.has(seed)) continue;
    const group = new Set([seed]);
    for (let reached = [seed]; reached.length > 0; ) {
      if (groups.length + group.size > MANY_AROUND) return yield* groupSteps(items, allOf);
      const sources = reached.map(allOf);
      reached = [];
      for (let at = 0; at < items.length; at++) {
        const item = items.at(at) as T;
        if (meetsAny(sources, of(item), networksOf(item)) && !group.has(item)) reached.push(item);
        if (at % ITEMS_PER_STEP === 0) yield;
      }
      for (const item of reached) group.add(item);
    }
    for (const item of group) grouped.add(item);
    groups.push(items.filter((item) => group.has(item)));
    yield;
  }
  return groups;
}

const MANY_AROUND = 20;
/** Each is looked at at each change of a trunk: a step for every one would cost more than the look. */
const ITEMS_PER_STEP = 25;

// Counted, not iterated: so nothing is allocated, also in code that runs a few times only.

function meetsAny(some: readonly TrunkSources[], of: TrunkSources, networks: readonly Network[]): boolean {
  for (let at = 0; at < some.length; at++) {
    const each = some[at] as TrunkSources;
    if (meets(each, of) || networksMeet(each.networks, networks)) return true;
  }
  return false;
}

function meets(a: TrunkSources, b: TrunkSources): boolean {
  return haveCommon(a.brands, b.brands) || haveCommon(a.names, b.names) || networksMeet(a.networks, b.networks);
}

function haveCommon(some: readonly string[], others: readonly string[]): boolean {
  for (let at = 0; at < some.length; at++) if (others.includes(some[at] as string)) return true;
  return false;
}

/** Whether a network of one holds one of the other. */
export function networksMeet(some: readonly Network[], others: readonly Network[]): boolean {
  for (let at = 0; at < some.length; at++) {
    const one = some[at] as Network;
    for (let place = 0; place < others.length; place++) {
      const other = others[place] as Network;
      if (covers(one, other) || covers(other, one)) return true;
    }
  }
  return false;
}

class DisjointSets {
  readonly #parents = new Map<number | string, number | string>();

  join(a: number | string, b: number | string): void {
    const rootA = this.find(a);
    const rootB = this.find(b);
    if (rootA !== rootB) this.#parents.set(rootA, rootB);
  }

  /** The root of a set, shortening the way to it. */
  find(key: number | string): number | string {
    let root = key;
    for (let parent = this.#parents.get(root); parent !== undefined; parent = this.#parents.get(root)) root = parent;
    let at = key;
    while (at !== root) {
      const next = this.#parents.get(at) ?? root;
      this.#parents.set(at, root);
      at = next;
    }
    return root;
  }
}
