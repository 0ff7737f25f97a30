import { describe, expect, test } from 'vitest';
import { allAtOnce } from '../../src/base/steps.ts';
import { CallCounts, type CallStatisticsQuery, type CountedCall } from '../../src/observe/index.ts';

const START_MS = Date.parse('2026-11-28T10:00:00.000Z');
const MINUTE_MS = 60_000;
const iso = (ms: number) => new Date(ms).toISOString();

interface Facts {
  readonly atMs: number;
  readonly tenant?: string;
  readonly status?: number;
  readonly ringsAfterMs?: number;
  readonly trunks?: readonly (readonly [id: string, status: number])[];
}

function call({ atMs, tenant = 'acme', status = 200, ringsAfterMs, trunks = [['1', status]] }: Facts): CountedCall {
  const last = trunks.at(-1)?.[0];
  return {
    tenant,
    ...(last === undefined ? {} : { trunkId: last, trunk: `trunk-${last}` }),
    attempts: trunks.map(([trunkId, code]) => ({ trunkId, trunk: `trunk-${trunkId}`, status: code })),
    startedAt: iso(atMs),
    ...(ringsAfterMs === undefined ? {} : { ringingAt: iso(atMs + ringsAfterMs) }),
    ...(status === 200 ? { answeredAt: iso(atMs + 5000) } : {}),
    status,
  };
}

function read(counts: CallCounts, query: Partial<CallStatisticsQuery> = {}) {
  const whole = { fromMs: START_MS, untilMs: START_MS + 10 * MINUTE_MS, stepMs: MINUTE_MS, maxTrunks: 20 };
  return allAtOnce(counts.read({ ...whole, ...query }));
}

describe('what the calls of a day came to', () => {
  test('calls are counted in the minute in which they began, with those that were answered and how long they took to ring', () => {
    const counts = new CallCounts();
    counts.add(call({ atMs: START_MS + 1000, ringsAfterMs: 400 }));
    counts.add(call({ atMs: START_MS + 2000, status: 486, ringsAfterMs: 450 }));
    counts.add(call({ atMs: START_MS + 3 * MINUTE_MS, status: 503 }));
    const { points, codes, from, until, stepSeconds } = read(counts);
    expect([from, until, stepSeconds]).toEqual([iso(START_MS), iso(START_MS + 10 * MINUTE_MS), 60]);
    expect(points.map(({ calls, answered }) => [calls, answered])).toEqual([
      [2, 1],
      [0, 0],
      [0, 0],
      [1, 0],
      ...Array(6).fill([0, 0]),
    ]);
    expect(points[0]?.delayMedianMs).toBeGreaterThanOrEqual(300);
    expect(points[0]?.delay95Ms).toBeLessThanOrEqual(500);
    expect(points[3]?.delayMedianMs).toBeUndefined();
    expect(codes).toEqual({ 200: 1, 486: 1, 503: 1 });
  });

  test('each trunk that was tried has its attempts and codes; a wider step sums them up', () => {
    const counts = new CallCounts();
    for (let index = 0; index < 4; index++)
      counts.add(
        call({
          atMs: START_MS + index * MINUTE_MS,
          trunks: [
            ['1', 503],
            ['2', 200],
          ],
        }),
      );
    const { trunks, points } = read(counts, { stepMs: 5 * MINUTE_MS });
    expect(points.map(({ calls }) => calls)).toEqual([4, 0]);
    expect(trunks).toEqual([
      { trunkId: '2', trunk: 'trunk-2', attempts: [4, 0], answered: [4, 0], codes: { 200: 4 } },
      { trunkId: '1', trunk: 'trunk-1', attempts: [4, 0], answered: [0, 0], codes: { 503: 4 } },
    ]);
    const chosen = read(counts, { trunkIds: ['1', '9'], stepMs: 10 * MINUTE_MS }).trunks;
    expect(chosen.map(({ trunkId, attempts }) => [trunkId, attempts])).toEqual([
      ['1', [4]],
      ['9', [0]],
    ]);
    expect(read(counts, { maxTrunks: 1 }).trunks).toHaveLength(1);
  });

  test("a tenant's sums hold its own calls alone; a call that tried no trunk counts with its own code", () => {
    const counts = new CallCounts();
    counts.add(call({ atMs: START_MS }));
    counts.add(call({ atMs: START_MS, tenant: 'bolt', status: 404, trunks: [] }));
    expect(read(counts, { tenant: 'bolt' })).toMatchObject({ codes: { 404: 1 }, trunks: [] });
    expect(read(counts, { tenant: 'acme' })).toMatchObject({ codes: { 200: 1 }, trunks: [{ trunkId: '1' }] });
  });

  test('a day is kept; what is older goes, and the answer says from when on nothing is missing', () => {
    const counts = new CallCounts();
    counts.add(call({ atMs: START_MS }));
    counts.add(call({ atMs: START_MS + 24 * 60 * MINUTE_MS }));
    const day = { untilMs: START_MS + 25 * 60 * MINUTE_MS, stepMs: 60 * MINUTE_MS };
    const { points, completeFrom } = read(counts, day);
    expect(points.reduce((sum, { calls }) => sum + calls, 0)).toBe(1);
    expect(completeFrom).toBe(iso(START_MS + MINUTE_MS));
    counts.add({ ...call({ atMs: START_MS }), startedAt: 'no time' });
    counts.add(call({ atMs: START_MS }));
    expect(read(counts, day).points.reduce((sum, { calls }) => sum + calls, 0)).toBe(1);
  });

  test('60,000 calls over 10,000 trunks: memory is bounded, and the answer stays some kilobytes', () => {
    const counts = new CallCounts();
    for (let index = 0; index < 60_000; index++)
      counts.add(
        call({ atMs: START_MS + Math.floor(index / 10_000) * MINUTE_MS, trunks: [[String(index % 10_000), 200]] }),
      );
    const found = read(counts);
    expect(JSON.stringify(found).length).toBeLessThan(20_000);
    // Of each minute 10,000 cells; 50,000 are kept.
    expect(found.points.map(({ calls }) => calls)).toEqual([0, ...Array(5).fill(10_000), ...Array(4).fill(0)]);
    expect(found.completeFrom).toBe(iso(START_MS + MINUTE_MS));
  });
});
