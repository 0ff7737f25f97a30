import { startRedis } from '../../../kit/redis.ts';
import { LargeNode, type Seen } from '../../provisioning/large-node.ts';
import { FOLLOWED, WORK } from '../../provisioning/work.ts';
import type { Figure, Item } from '../item.ts';

const SIZE = { tenants: 20_000, extensions: 100_000, trunks: 10_000 };
/** What the collector has to go through; the program alone takes 40. */
const MOST_HEAP_MB = 180;
const SCALE = { stormMs: 5_000, documentTenants: 1_000 };

export const item: Item = {
  title:
    '100,000 extensions and 10,000 trunks: what is provisioned is changed, read again and exported, and no call waits for it',
  async *run() {
    const node = await LargeNode.start(SIZE);
    try {
      yield { what: 'heap after the start', value: await node.held(), unit: 'MB', bar: { most: MOST_HEAP_MB } };
      for (const { what, run } of Object.values(WORK)) yield* figuresOf(what, await run(node, SCALE));
    } finally {
      await node.stop();
    }
    yield* onRedis();
  },
};

/** A node that others on the same Redis change something for, and the one that is asked. */
async function* onRedis(): AsyncGenerator<Figure> {
  const redis = await startRedis();
  const nodes: LargeNode[] = [];
  try {
    const by = await LargeNode.start(SIZE, redis.url);
    nodes.push(by);
    const node = await LargeNode.beside(redis.url);
    nodes.push(node);
    const { patch, document, large, whole } = WORK;
    for (const { what, run } of [patch, document, large, whole])
      yield* figuresOf(`on Redis: ${what}`, await run(by, SCALE));
    for (const { what, run } of Object.values(FOLLOWED))
      yield* figuresOf(`by another node: ${what}`, await run(node, by, SCALE));
  } finally {
    await Promise.all(nodes.map((each) => each.stop()));
    await redis.stop();
  }
}

function figuresOf(what: string, { cpuMs, delayMs, pingP99Ms }: Seen): Figure[] {
  return [
    { what: `${what}: CPU of the longest turn`, value: cpuMs, unit: 'ms', bar: { most: 20 } },
    { what: `${what}: longest delay of the loop`, value: delayMs, unit: 'ms', bar: { most: 20 } },
    { what: `${what}: pings, p99`, value: pingP99Ms, unit: 'ms', bar: { most: 20 } },
  ];
}
