import { CALLERS, type EngineOptions, FORGED_TRUNK, OTHER_TRUNK, startEngine } from '../engine.ts';
import type { Figure, Item } from '../item.ts';
import { figuresOfOthers, flood, ping, placeCalls } from '../processes.ts';

const SECONDS = 25;
const HEAP_MB = 512;
const PER_SECOND = 12_000;

const KINDS: readonly { readonly what: string; readonly dials?: string }[] = [
  { what: 'to nobody' },
  // Emergency calls are let in however much waits: what asks for one is to be bounded all the same.
  { what: 'to 112', dials: '112' },
];

const OPTIONS: EngineOptions = { hasCarrier: true, nodeOptions: [`--max-old-space-size=${HEAP_MB}`] };

async function forge({ what, dials }: (typeof KINDS)[number]): Promise<Figure[]> {
  const engine = await startEngine(OPTIONS);
  try {
    const { port } = engine;
    const before = await engine.held();
    const asked = { port, from: [FORGED_TRUNK], methods: ['INVITE'], perSecond: PER_SECOND, seconds: SECONDS };
    const [, pings, calls] = await Promise.all([
      flood(dials === undefined ? asked : { ...asked, dials }),
      ping({ port, from: OTHER_TRUNK, seconds: SECONDS }),
      placeCalls({ port, callers: CALLERS, perSecond: 20, seconds: SECONDS }),
    ]);
    const after = await engine.held();
    const grownMb = (after.heapUsed - before.heapUsed) / 1_048_576;
    return [
      ...figuresOfOthers(pings, calls, 99, what),
      { what: `${what}: heap grown, after a collection`, value: grownMb, unit: 'MB', bar: { most: 0.4 * HEAP_MB } },
    ];
  } finally {
    await engine.stop();
  }
}

export const item: Item = {
  title: `calls in the name of a trunk at ${PER_SECOND}/s, with a heap of ${HEAP_MB} MB: the process lives, pings and calls of others as before`,
  async *run() {
    for (const kind of KINDS) yield* await forge(kind);
  },
};
