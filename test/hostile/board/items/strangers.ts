import { CALLERS, type Engine, OTHER_TRUNK, startEngine } from '../engine.ts';
import type { Figure, Item } from '../item.ts';
import { figuresOfOthers, flood, ping, placeCalls } from '../processes.ts';

const SECONDS = 15;
const STRANGERS = Array.from({ length: 50 }, (_each, index) => `127.9.0.${index + 1}`);

/** A flood of strangers, and what known peers see meanwhile. */
export async function floodOfStrangers(engine: Engine, perSecond: number, seconds: number) {
  const { port } = engine;
  const methods = ['REGISTER', 'INVITE', 'BYE', 'OPTIONS'];
  const [attack, pings, calls] = await Promise.all([
    flood({ port, from: STRANGERS, methods, perSecond, seconds }),
    ping({ port, from: OTHER_TRUNK, seconds }),
    placeCalls({ port, callers: CALLERS, perSecond: 20, seconds }),
  ]);
  // Two of each call that was just placed: its INVITE and its BYE.
  const kept = (await engine.metric('tandem_server_transactions_live')) - 2 * calls.placed;
  return { attack, pings, calls, kept };
}

async function figuresAt(perSecond: number): Promise<Figure[]> {
  const engine = await startEngine({ hasCarrier: true, nodeOptions: ['--max-old-space-size=512'] });
  try {
    const { attack, pings, calls, kept } = await floodOfStrangers(engine, perSecond, SECONDS);
    const at = `at ${perSecond}/s`;
    return [
      ...figuresOfOthers(pings, calls, 99.9, at),
      { what: `${at}: server transactions kept beyond those of calls`, value: kept, unit: '', bar: { most: 0 } },
      {
        what: `${at}: octets of an answer for one of its request, worst`,
        value: attack.worstRatio,
        unit: '',
        bar: { most: 1.5 },
      },
    ];
  } finally {
    await engine.stop();
  }
}

export const item: Item = {
  title:
    '50 strangers, with a heap of 512 MB, more than they are let in and more than the thread reads at a time: pings and calls of known peers as before, nothing is kept',
  async *run() {
    for (const perSecond of [5_000, 10_000]) yield* await figuresAt(perSecond);
  },
};
