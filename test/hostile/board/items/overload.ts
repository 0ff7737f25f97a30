import { capacityOf, HELD_SECONDS, LOWEST_RATE } from '../capacity.ts';
import { CALLERS, type Engine, startEngine } from '../engine.ts';
import type { Figure, Item } from '../item.ts';
import { type CallFigures, type Phase, placePhases } from '../processes.ts';

const SECONDS = 10;
const RECOVERY_SECONDS = 5;
/** Of so many answers, in percent, the time must be known: where others take the peer's processor for longer, a run says nothing. */
const LEAST_SEEN = 75;

/** Calls at one rate after the other. */
export function offer(engine: Engine, phases: readonly Phase[]): Promise<CallFigures[]> {
  return placePhases({ port: engine.port, callers: CALLERS, phases });
}

/** Of answers that were read at once; what all of them took is told beside it. */
function timeOf(what: string, value: number, ofAll: number): Omit<Figure, 'bar'> {
  return { what, value, unit: 'ms', note: `${ofAll.toFixed(2)} with those that the peer had left lying` };
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
      { ...timeOf(what('set up, p99'), over.seen.setupP99, over.setupP99), bar: { most: 250 } },
      { ...timeOf(what('refused, p99'), over.seen.refusalP99, over.refusalP99), bar: { most: 50 } },
      {
        what: what('answers that the peer did not leave lying'),
        value: 100 * over.seen.part,
        unit: '%',
        note: `it stood still for ${over.longestStallMs.toFixed(0)} ms at most`,
        bar: { least: LEAST_SEEN },
      },
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
