import { startRedis } from '../../../kit/redis.ts';
import { LargeNode, type Seen } from '../../provisioning/large-node.ts';
import { FOLLOWED, WORK } from '../../provisioning/work.ts';
import type { Figure, Item } from '../item.ts';

const SIZE = { tenants: 20_000, extensions: 100_000, trunks: 10_000 };
/** What the collector has to go through; the program alone takes 40. */
const MOST_HEAP_MB = 180;
const SCALE = { stormMs: 5_000, documentTenants: 1_000 };

/** On which node it is done, or seen. */
const NODES = ['embedded', 'redis', 'followed'] as const;

/** Names of nodes and of works: of each kind that has none, all. */
function itemOf(parts: readonly string[]): Item {
  const isNode = (part: string) => NODES.some((node) => node === part);
  const nodes = parts.filter(isNode);
  const works = parts.filter((part) => !isNode(part));
  const on = (node: (typeof NODES)[number]) => nodes.length === 0 || nodes.includes(node);
  const isChosen = (work: string) => works.length === 0 || works.includes(work);
  const of = <T>(some: Record<string, T>) =>
    Object.entries(some).flatMap(([name, work]) => (isChosen(name) ? [work] : []));
  // Those that are done on Redis too.
  const { patch, document, large, whole } = WORK;
  return {
    title:
      '100,000 extensions and 10,000 trunks: what is provisioned is changed, read again and exported, and no call waits for it',
    async *run() {
      if (on('embedded')) yield* embedded(of(WORK));
      yield* onRedis(on('redis') ? of({ patch, document, large, whole }) : [], on('followed') ? of(FOLLOWED) : []);
    },
    parts: { names: [...NODES, ...Object.keys(WORK)], of: itemOf },
  };
}

export const item: Item = itemOf([]);

type Done = (typeof WORK)[keyof typeof WORK];
type Followed = (typeof FOLLOWED)[keyof typeof FOLLOWED];

async function* embedded(works: readonly Done[]): AsyncGenerator<Figure> {
  if (works.length === 0) return;
  const node = await LargeNode.start(SIZE);
  try {
    yield { what: 'heap after the start', value: await node.held(), unit: 'MB', bar: { most: MOST_HEAP_MB } };
    for (const { what, run } of works) yield* figuresOf(what, await run(node, SCALE));
  } finally {
    await node.stop();
  }
}

/** A node that others on the same Redis change something for, and the one that is asked. */
async function* onRedis(works: readonly Done[], followed: readonly Followed[]): AsyncGenerator<Figure> {
  if (works.length + followed.length === 0) return;
  const redis = await startRedis();
  const nodes: LargeNode[] = [];
  try {
    const by = await LargeNode.start(SIZE, redis.url);
    nodes.push(by);
    const node = await LargeNode.beside(redis.url);
    nodes.push(node);
    node.isOfAnotherMachine(true);
    for (const { what, run } of works) yield* figuresOf(`on Redis: ${what}`, await run(by, SCALE));
    node.isOfAnotherMachine(false);
    by.isOfAnotherMachine(true);
    for (const { what, run } of followed) yield* figuresOf(`by another node: ${what}`, await run(node, by, SCALE));
  } finally {
    await Promise.all(nodes.map((each) => each.stop()));
    await redis.stop();
  }
}

function figuresOf(what: string, { cpuMs, collectedMs, delayMs, pingP99Ms }: Seen): Figure[] {
  const collections = collectedMs < 0.5 ? '' : ` (collections in it: ${collectedMs.toFixed(1)})`;
  return [
    { what: `${what}: CPU of the longest turn${collections}`, value: cpuMs, unit: 'ms', bar: { most: 20 } },
    { what: `${what}: longest delay of the loop`, value: delayMs, unit: 'ms', bar: { most: 20 } },
    { what: `${what}: pings, p99`, value: pingP99Ms, unit: 'ms', bar: { most: 20 } },
  ];
}
