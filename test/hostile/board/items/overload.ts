import { CALLERS, type Engine, startEngine } from '../engine.ts';
import type { Figure, Item } from '../item.ts';
import { type CallFigures, type Phase, placePhases } from '../processes.ts';
import { holdTo } from '../quota.ts';

const SECONDS = 10;
const RECOVERY_SECONDS = 5;
const SEARCH_SECONDS = 3;
/** What the machine does besides, or a collection of garbage, spoils a look now and then: it is not the last. */
const LOOKS = 2;
const LOWEST_RATE = 200;
const COARSE = 2;
const FINE = 1.1;
/** A short look finds what is served for a moment: capacity is what is served in each of so many phases in a row; a lower rate is tried so many times. */
const HELD_PHASES = 3;
const HOLDS = 6;
const LESS = 0.95;

/** Calls at one rate after the other. */
export function offer(engine: Engine, phases: readonly Phase[]): Promise<CallFigures[]> {
  return placePhases({ port: engine.port, callers: CALLERS, phases });
}

/** The most calls a second that are completed, and set up in time: 0 when there is no such rate. Coarse steps, fine ones, then held. */
async function capacityOf(engine: Engine): Promise<number> {
  const isServedFor = async (perSecond: number, seconds: number, times = 1) => {
    const seen = await offer(
      engine,
      Array.from({ length: times }, () => ({ perSecond, seconds })),
    );
    return seen.every(({ completed, placed, setupP99 }) => completed >= 0.99 * placed && setupP99 <= 250);
  };
  const isServed = async (perSecond: number) => {
    for (let look = 0; look < LOOKS; look++) if (await isServedFor(perSecond, SEARCH_SECONDS)) return true;
    return false;
  };
  await isServed(2 * LOWEST_RATE);
  let best = 0;
  for (let rate = LOWEST_RATE; await isServed(rate); rate *= COARSE) best = rate;
  const tooMuch = Math.max(LOWEST_RATE, best * COARSE);
  for (let rate = best * FINE; best > 0 && rate < tooMuch && (await isServed(rate)); rate *= FINE) best = rate;
  for (let hold = 0; hold < HOLDS && best > 0 && !(await isServedFor(best, SECONDS, HELD_PHASES)); hold++) best *= LESS;
  return Math.round(best);
}

async function measure(engine: Engine, label: string): Promise<Figure[]> {
  const capacity = await capacityOf(engine);
  const figures: Figure[] = [
    {
      what: `${label}capacity, held for ${HELD_PHASES * SECONDS} s: calls a second`,
      value: capacity,
      unit: '',
      bar: { least: LOWEST_RATE },
    },
  ];
  if (capacity === 0) return figures;
  for (const [times, least] of [
    [2, 98],
    [4, 95],
  ] as const) {
    const [before, over, , after] = (await offer(engine, [
      { perSecond: capacity, seconds: SECONDS },
      { perSecond: times * capacity, seconds: SECONDS },
      { perSecond: capacity, seconds: RECOVERY_SECONDS },
      { perSecond: capacity, seconds: SECONDS },
    ])) as [CallFigures, CallFigures, CallFigures, CallFigures];
    const percent = (part: number, whole: number) => (100 * part) / Math.max(1, whole);
    const goodput = percent(over.completed, capacity * SECONDS);
    const byes = percent(over.byesAnswered, over.byesSent);
    const held = percent(before.completed, before.placed);
    const back = percent(after.completed, after.placed);
    const regained = percent(after.completed, before.completed);
    const what = (text: string) => `${label}${times}×: ${text}`;
    figures.push(
      { what: what('before, at capacity: completed'), value: held, unit: '%', bar: { least: 99 } },
      { what: what('completed, of capacity'), value: goodput, unit: '%', bar: { least } },
      { what: what('set up, p99'), value: over.setupP99, unit: 'ms', bar: { most: 250 } },
      { what: what('refused, p99'), value: over.refusalP99, unit: 'ms', bar: { most: 50 } },
      { what: what('neither answered nor refused'), value: over.unanswered, unit: 'calls', bar: { most: 0 } },
      { what: what('BYEs answered'), value: byes, unit: '%', bar: { least: 99.9 } },
      { what: what('5 s after, at capacity: completed'), value: back, unit: '%', bar: { least: 99 } },
      { what: what('5 s after, of what was completed before'), value: regained, unit: '%', bar: { least: 99 } },
    );
  }
  return figures;
}

export const item: Item = {
  title: 'twice and four times the calls that can be served, on a core and on half of one',
  async run() {
    const engine = await startEngine({ hasCarrier: true });
    try {
      const whole = await measure(engine, '');
      const quota = holdTo(engine.child.pid, 0.5);
      try {
        return [...whole, ...(await measure(engine, `half a core (${quota.how}), `))];
      } finally {
        quota.release();
      }
    } finally {
      await engine.stop();
    }
  },
};
