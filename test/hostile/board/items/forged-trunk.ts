import { CALLERS, type Engine, FORGED_TRUNK, OTHER_TRUNK, startEngine } from '../engine.ts';
import type { Item } from '../item.ts';
import { figuresOfOthers, flood, ping, placeCalls } from '../processes.ts';

const SECONDS = 15;

/** A flood with a trunk's address as its source, and what the others see meanwhile. */
export async function floodInTheNameOfATrunk(engine: Engine, perSecond: number, seconds: number) {
  const { port } = engine;
  const methods = ['OPTIONS', 'BYE', 'REGISTER'];
  const [, pings, calls] = await Promise.all([
    flood({ port, from: [FORGED_TRUNK], methods, perSecond, seconds }),
    ping({ port, from: OTHER_TRUNK, seconds }),
    placeCalls({ port, callers: CALLERS, perSecond: 20, seconds }),
  ]);
  return { pings, calls };
}

export const item: Item = {
  title: "a trunk's address forged at 12,000/s: pings and calls of others as before",
  async run() {
    const engine = await startEngine({ hasCarrier: true });
    try {
      const { pings, calls } = await floodInTheNameOfATrunk(engine, 12_000, SECONDS);
      return figuresOfOthers(pings, calls, 99);
    } finally {
      await engine.stop();
    }
  },
};
