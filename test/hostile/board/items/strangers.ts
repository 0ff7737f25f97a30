import { CALLERS, CARRIER, OTHER_TRUNK, startEngine } from '../engine.ts';
import type { Item } from '../item.ts';
import { flood, ping, placeCalls } from '../processes.ts';

const SECONDS = 15;
const STRANGERS = Array.from({ length: 50 }, (_each, index) => `127.9.0.${index + 1}`);

export const item: Item = {
  title:
    '50 strangers at 5,000/s together, with a heap of 512 MB: pings and calls of known peers as before, nothing is kept',
  async run() {
    const engine = await startEngine({ nodeOptions: ['--max-old-space-size=512'] });
    try {
      const { port, carrierPort } = engine;
      const methods = ['REGISTER', 'INVITE', 'BYE', 'OPTIONS'];
      const [attack, pings, calls] = await Promise.all([
        flood({ port, from: STRANGERS, methods, perSecond: 5_000, seconds: SECONDS }),
        ping({ port, from: OTHER_TRUNK, seconds: SECONDS }),
        placeCalls({
          port,
          callers: CALLERS,
          carrier: { host: CARRIER, port: carrierPort },
          perSecond: 20,
          seconds: SECONDS,
        }),
      ]);
      const kept = await engine.metric('tandem_server_transactions_live');
      return [
        { what: 'pings answered', value: (100 * pings.answered) / pings.sent, unit: '%', bar: { least: 99.9 } },
        { what: 'pings, p99', value: pings.p99, unit: 'ms', bar: { most: 50 } },
        { what: 'calls completed', value: (100 * calls.completed) / calls.placed, unit: '%', bar: { least: 99.9 } },
        { what: 'calls set up, p99', value: calls.setupP99, unit: 'ms', bar: { most: 250 } },
        // Two of each call that was just placed: its INVITE and its BYE.
        {
          what: 'server transactions kept beyond those of calls',
          value: kept - 2 * calls.placed,
          unit: '',
          bar: { most: 0 },
        },
        {
          what: 'octets of an answer for one of its request, worst',
          value: attack.worstRatio,
          unit: '',
          bar: { most: 1.5 },
        },
      ];
    } finally {
      await engine.stop();
    }
  },
};
