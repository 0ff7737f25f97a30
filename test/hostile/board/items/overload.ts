import { capacityOf, HELD_SECONDS, LOWEST_RATE } from '../capacity.ts';
import { CALLERS, type Engine, startEngine } from '../engine.ts';
import type { Figure, Item } from '../item.ts';
import { type CallFigures, type Phase, placePhases } from '../processes.ts';

const SECONDS = 10;
const RECOVERY_SECONDS = 5;

/** Calls at one rate after the other. */
export function offer(engine: Engine, phases: readonly Phase[]): Promise<CallFigures[]> {
  return placePhases({ port: engine.port, callers: CALLERS, phases });
}

async function measure(engine: Engine, label: string): Promise<Figure[]> {
  const capacity = Math.round(await capacityOf((phases) => offer(engine, phases)));
  const figures: Figure[] = [
    {
      what: `${label}capacity, held for ${HELD_SECONDS} s: calls a second`,
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
  /** @param shares of a core, those that are wanted alone: 1, 0.5 */
  async run(...shares: number[]) {
    const figures: Figure[] = [];
    for (const share of shares.length > 0 ? shares : [1, 0.5]) {
      const within = share < 1 ? { share } : {};
      const engine = await startEngine({ hasCarrier: true, ...within });
      const label = engine.quota === undefined ? '' : `${share === 0.5 ? 'half' : share} a core (${engine.quota}), `;
      figures.push(...(await measure(engine, label).finally(() => engine.stop())));
    }
    return figures;
  },
};
