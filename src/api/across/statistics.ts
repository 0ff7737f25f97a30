/** What the calls of several nodes or workers came to, as one sum. */

import type { CallPoint, CallStatistics, TrunkStatistics } from '../../observe/index.ts';

export type Statistics = Pick<CallStatistics, 'completeFrom' | 'points' | 'trunks' | 'codes'>;

/** As many trunks as one answer has that was asked for none by name. */
const MOST_TRUNKS = 20;

/** Of the same span and steps. Of delays, which are percentiles, each point has those of the one with the most calls in it. */
export function mergedStatistics<T extends Statistics>(first: T, others: readonly Statistics[]): T {
  const all = [first, ...others];
  let { completeFrom, trunks, codes }: Statistics = first;
  for (const other of others) {
    if (other.completeFrom > completeFrom) completeFrom = other.completeFrom;
    trunks = withTrunks(trunks, other.trunks);
    codes = added(codes, other.codes);
  }
  const points = first.points.map((_, index) => pointOf(all.flatMap((each) => each.points[index] ?? [])));
  const mostTried = trunks.toSorted((one, other) => triesOf(other) - triesOf(one));
  // Trunks that were asked for by name are the same everywhere.
  const most = Math.max(MOST_TRUNKS, first.trunks.length);
  return { ...first, completeFrom, points, trunks: mostTried.slice(0, most), codes };
}

function pointOf(each: readonly CallPoint[]): CallPoint {
  const largest = each.reduce((most, point) => (point.calls > most.calls ? point : most));
  const sum = (count: (point: CallPoint) => number) => each.reduce((total, point) => total + count(point), 0);
  return { ...largest, calls: sum(({ calls }) => calls), answered: sum(({ answered }) => answered) };
}

const triesOf = ({ attempts }: TrunkStatistics) => attempts.reduce((sum, count) => sum + count, 0);

function withTrunks(rows: readonly TrunkStatistics[], more: readonly TrunkStatistics[]): TrunkStatistics[] {
  const merged = new Map(rows.map((row) => [row.trunkId, row]));
  for (const row of more) {
    const known = merged.get(row.trunkId);
    merged.set(
      row.trunkId,
      known === undefined
        ? row
        : {
            ...known,
            attempts: known.attempts.map((count, index) => count + (row.attempts[index] ?? 0)),
            answered: known.answered.map((count, index) => count + (row.answered[index] ?? 0)),
            codes: added(known.codes, row.codes),
          },
    );
  }
  return [...merged.values()];
}

function added(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const sum: Record<string, number> = { ...a };
  for (const [key, count] of Object.entries(b)) sum[key] = (sum[key] ?? 0) + count;
  return sum;
}
