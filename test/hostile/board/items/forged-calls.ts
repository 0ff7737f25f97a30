import { CALLERS, FORGED_TRUNK, OTHER_TRUNK, startEngine } from '../engine.ts';
import type { Item } from '../item.ts';
import { flood, ping, placeCalls } from '../processes.ts';

const SECONDS = 25;
const HEAP_MB = 512;
const PER_SECOND = 12_000;

export const item: Item = {
  title: `calls in the name of a trunk at ${PER_SECOND}/s, with a heap of ${HEAP_MB} MB: the process lives, pings and calls of others as before`,
  async run() {
    const engine = await startEngine({ hasCarrier: true, nodeOptions: [`--max-old-space-size=${HEAP_MB}`] });
    try {
      const { port } = engine;
      const before = await engine.held();
      const seconds = SECONDS;
      const [, pings, calls] = await Promise.all([
        flood({ port, from: [FORGED_TRUNK], methods: ['INVITE'], perSecond: PER_SECOND, seconds }),
        ping({ port, from: OTHER_TRUNK, seconds }),
        placeCalls({ port, callers: CALLERS, perSecond: 20, seconds }),
      ]);
      const after = await engine.held();
      return [
        { what: 'pings answered', value: (100 * pings.answered) / pings.sent, unit: '%', bar: { least: 99 } },
        { what: 'pings, p99', value: pings.p99, unit: 'ms', bar: { most: 50 } },
        { what: 'calls completed', value: (100 * calls.completed) / calls.placed, unit: '%', bar: { least: 99 } },
        { what: 'calls set up, p99', value: calls.setupP99, unit: 'ms', bar: { most: 250 } },
        {
          what: 'heap grown, after a collection',
          value: (after.heapUsed - before.heapUsed) / 1_048_576,
          unit: 'MB',
          bar: { most: 0.4 * HEAP_MB },
        },
      ];
    } finally {
      await engine.stop();
    }
  },
};
