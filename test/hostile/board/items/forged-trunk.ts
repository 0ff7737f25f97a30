import { CALLERS, CARRIER, FORGED_TRUNK, OTHER_TRUNK, startEngine } from '../engine.ts';
import type { Item } from '../item.ts';
import { flood, ping, placeCalls } from '../processes.ts';

const SECONDS = 15;

export const item: Item = {
  title: "a trunk's address forged at 12,000/s: pings and calls of others as before",
  async run() {
    const engine = await startEngine();
    try {
      const { port, carrierPort } = engine;
      const [, pings, calls] = await Promise.all([
        flood({
          port,
          from: [FORGED_TRUNK],
          methods: ['OPTIONS', 'BYE', 'REGISTER'],
          perSecond: 12_000,
          seconds: SECONDS,
        }),
        ping({ port, from: OTHER_TRUNK, seconds: SECONDS }),
        placeCalls({
          port,
          callers: CALLERS,
          carrier: { host: CARRIER, port: carrierPort },
          perSecond: 20,
          seconds: SECONDS,
        }),
      ]);
      return [
        { what: 'pings answered', value: (100 * pings.answered) / pings.sent, unit: '%', bar: { least: 99 } },
        { what: 'pings, p99', value: pings.p99, unit: 'ms', bar: { most: 50 } },
        { what: 'calls completed', value: (100 * calls.completed) / calls.placed, unit: '%', bar: { least: 99 } },
        { what: 'calls set up, p99', value: calls.setupP99, unit: 'ms', bar: { most: 250 } },
      ];
    } finally {
      await engine.stop();
    }
  },
};
