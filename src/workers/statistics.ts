/** What the calls of several workers came to, as one sum. */

interface Point {
  readonly at: string;
  readonly calls: number;
  readonly answered: number;
  readonly delayMedianMs?: number;
  readonly delay95Ms?: number;
}

interface TrunkRow {
  readonly trunkId: string;
  readonly trunk: string;
  readonly attempts: readonly number[];
  readonly answered: readonly number[];
  readonly codes: Readonly<Record<string, number>>;
}

export interface Statistics {
  readonly completeFrom: string;
  readonly points: readonly Point[];
  readonly trunks: readonly TrunkRow[];
  readonly codes: Readonly<Record<string, number>>;
}

/** Of the same span and steps. Of delays, which are percentiles, each point has those of the worker with the most calls in it. */
export function mergedStatistics<T extends Statistics>(first: T, others: readonly Statistics[]): T {
  let { completeFrom, points, trunks, codes }: Statistics = first;
  for (const other of others) {
    points = points.map((point, index) => withPoint(point, other.points[index]));
    if (other.completeFrom > completeFrom) completeFrom = other.completeFrom;
    trunks = withTrunks(trunks, other.trunks);
    codes = added(codes, other.codes);
  }
  return { ...first, completeFrom, points, trunks, codes };
}

function withPoint(point: Point, more: Point | undefined): Point {
  if (more === undefined) return point;
  const larger = more.calls > point.calls ? more : point;
  return { ...larger, calls: point.calls + more.calls, answered: point.answered + more.answered };
}

function withTrunks(rows: readonly TrunkRow[], more: readonly TrunkRow[]): TrunkRow[] {
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
