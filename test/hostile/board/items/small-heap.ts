import { startEngine } from '../engine.ts';
import type { Item } from '../item.ts';
import { figuresOfOthers } from '../processes.ts';
import { floodOfStrangers } from './strangers.ts';

const SECONDS = 30;
const HEAP_MB = 256;
const FLOOD_PER_SECOND = 5_000;

export const item: Item = {
  title: `a heap of ${HEAP_MB} MB and strangers at ${FLOOD_PER_SECOND}/s for ${SECONDS} s: the process lives and serves known peers`,
  async run() {
    const engine = await startEngine({ hasCarrier: true, nodeOptions: [`--max-old-space-size=${HEAP_MB}`] });
    try {
      const before = await engine.held();
      const { pings, calls, kept } = await floodOfStrangers(engine, FLOOD_PER_SECOND, SECONDS);
      const uncaught = await engine.uncaught();
      const after = await engine.held();
      return [
        ...figuresOfOthers(pings, calls, 99.9),
        { what: 'server transactions kept beyond those of calls', value: kept, unit: '', bar: { most: 0 } },
        {
          what: 'heap grown, after a collection',
          value: (after.heapUsed - before.heapUsed) / 1_048_576,
          unit: 'MB',
          bar: { most: 30 },
        },
        uncaught,
      ];
    } finally {
      await engine.stop();
    }
  },
};
