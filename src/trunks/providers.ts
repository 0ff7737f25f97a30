/**
 * Which trunks are of one provider (behaviour 2): those with a brand (unless generic), a name or a source address in common; of two
 * networks it is enough that one holds the other. Sameness carries over: a host that a brand uses is that brand's for generic trunks
 * too, and who speaks from a carrier's network is that carrier, whatever its host is called.
 */
import { compareNetworks, covers, type Network } from '../base/network.ts';
import type { TrunkSources } from './sources.ts';

/** The items in groups of one provider each. Items without any source are of none. */
export function groupByProvider<T>(items: readonly T[], of: (item: T) => TrunkSources): T[][] {
  const sets = new DisjointSets();
  const sources = items.map(of);
  for (const [at, { brands, names }] of sources.entries()) {
    const item = `item ${at}`;
    for (const brand of brands) sets.join(item, `brand ${brand}`);
    for (const name of names) sets.join(item, `name ${name}`);
  }
  joinNetworks(sets, sources);
  const groups = new Map<string, T[]>();
  for (const [at, item] of items.entries()) {
    const { brands, names, networks } = sources[at] as TrunkSources;
    if (brands.length + names.length + networks.length === 0) continue;
    const root = sets.find(`item ${at}`);
    const group = groups.get(root);
    if (group === undefined) groups.set(root, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

/** Sorted, a network comes right after those that hold it: one walk with the stack of those that are still open. */
function joinNetworks(sets: DisjointSets, sources: readonly TrunkSources[]): void {
  const all: { readonly network: Network; readonly item: string }[] = [];
  for (const [at, { networks }] of sources.entries())
    for (const network of networks) all.push({ network, item: `item ${at}` });
  all.sort((a, b) => compareNetworks(a.network, b.network));
  const open: typeof all = [];
  for (const entry of all) {
    let last = open.at(-1);
    while (last !== undefined && !covers(last.network, entry.network)) {
      open.pop();
      last = open.at(-1);
    }
    if (last !== undefined) sets.join(last.item, entry.item);
    open.push(entry);
  }
}

class DisjointSets {
  readonly #parents = new Map<string, string>();

  join(a: string, b: string): void {
    const rootA = this.find(a);
    const rootB = this.find(b);
    if (rootA !== rootB) this.#parents.set(rootA, rootB);
  }

  /** The root of a set, shortening the way to it. */
  find(key: string): string {
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
