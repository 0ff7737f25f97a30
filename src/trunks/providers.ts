/**
 * Which trunks are of one provider (behaviour 2): the same brand, unless generic, or the same host, without case and whatever the
 * port. Sameness carries over: a host that a brand uses is that brand's for generic trunks too.
 */

interface Provided {
  readonly host: string;
  readonly brand: string;
}

/** The items in groups of one provider each. Items without a host are of none. */
export function groupByProvider<T>(items: readonly T[], of: (item: T) => Provided): T[][] {
  const parents = new Map<string, string>();
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const { host, brand } = of(item);
    if (host !== '' && brand !== 'generic') join(parents, hostKey(host), `brand ${brand}`);
  }
  for (const item of items) {
    const { host } = of(item);
    if (host === '') continue;
    const root = find(parents, hostKey(host));
    const group = groups.get(root);
    if (group === undefined) groups.set(root, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

function hostKey(host: string): string {
  return `host ${host.toLowerCase()}`;
}

function join(parents: Map<string, string>, a: string, b: string): void {
  const rootA = find(parents, a);
  const rootB = find(parents, b);
  if (rootA !== rootB) parents.set(rootA, rootB);
}

/** The root of a set, shortening the way to it. */
function find(parents: Map<string, string>, key: string): string {
  let root = key;
  for (let parent = parents.get(root); parent !== undefined; parent = parents.get(root)) root = parent;
  let at = key;
  while (at !== root) {
    const next = parents.get(at) ?? root;
    parents.set(at, root);
    at = next;
  }
  return root;
}
