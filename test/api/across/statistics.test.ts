import { expect, test } from 'vitest';
import { mergedStatistics } from '../../../src/api/across/statistics.ts';

test('counts are added, point by point and trunk by trunk; delays are those of whoever had more calls', () => {
  const trunk = (trunkId: string, attempts: number[], codes: Record<string, number>) => ({
    trunkId,
    trunk: `t${trunkId}`,
    attempts,
    answered: attempts,
    codes,
  });
  const one = {
    from: 'f',
    completeFrom: '2026-01-01',
    points: [
      { at: '1', calls: 4, answered: 3, delayMedianMs: 100 },
      { at: '2', calls: 0, answered: 0 },
    ],
    trunks: [trunk('1', [4, 0], { 200: 4 })],
    codes: { 200: 4 },
  };
  const two = {
    completeFrom: '2026-01-02',
    points: [
      { at: '1', calls: 1, answered: 1, delayMedianMs: 900 },
      { at: '2', calls: 2, answered: 0, delayMedianMs: 700 },
    ],
    trunks: [trunk('1', [1, 1], { 200: 1, 486: 1 }), trunk('2', [0, 1], { 503: 1 })],
    codes: { 200: 1, 486: 1, 503: 1 },
  };
  expect(mergedStatistics(one, [two])).toEqual({
    from: 'f',
    completeFrom: '2026-01-02',
    points: [
      { at: '1', calls: 5, answered: 4, delayMedianMs: 100 },
      { at: '2', calls: 2, answered: 0, delayMedianMs: 700 },
    ],
    trunks: [trunk('1', [5, 1], { 200: 5, 486: 1 }), trunk('2', [0, 1], { 503: 1 })],
    codes: { 200: 5, 486: 1, 503: 1 },
  });
});

test('of three workers the delays are those of the one with the most calls, not of the one beside the sum', () => {
  const worker = (calls: number, delayMedianMs: number) => ({
    completeFrom: '2026-01-01',
    points: [{ at: '1', calls, answered: calls, delayMedianMs }],
    trunks: [],
    codes: {},
  });
  const { points } = mergedStatistics(worker(3, 300), [worker(2, 200), worker(4, 400)]);
  expect(points).toEqual([{ at: '1', calls: 9, answered: 9, delayMedianMs: 400 }]);
});

test('trunks come as one process lists them: the most tried first, and no more of them', () => {
  const worker = (first: number) => ({
    completeFrom: '2026-01-01',
    points: [],
    trunks: Array.from({ length: 20 }, (_, index) => ({
      trunkId: String(first + index),
      trunk: 't',
      attempts: [first + index],
      answered: [0],
      codes: {},
    })),
    codes: {},
  });
  const { trunks } = mergedStatistics(worker(1), [worker(21)]);
  expect(trunks.map(({ trunkId }) => Number(trunkId))).toEqual(Array.from({ length: 20 }, (_, index) => 40 - index));
});
