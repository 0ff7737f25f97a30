import { expect, test } from 'vitest';
import { Pace, processComputedMs } from '../../../src/sip/endpoint/pace.ts';

const paceOf = (share: number, computedMs: () => number, ownComputedMs = computedMs) =>
  new Pace(() => share, computedMs, ownComputedMs);

/** Plays a process with more to do than it may: computes in turns of 4 ms, rests when it is told to. */
function play(share: number, forMs: number): { computedMs: number; longestRestMs: number; mostInPeriodMs: number } {
  const periodMs = 100;
  let [nowMs, computedMs, longestRestMs] = [0, 0, 0];
  const inPeriod: number[] = [];
  const pace = paceOf(share, () => computedMs);
  while (nowMs < forMs) {
    const restMs = pace.restMs(nowMs);
    longestRestMs = Math.max(longestRestMs, restMs);
    if (restMs > 0) {
      nowMs += restMs;
      continue;
    }
    const period = Math.floor(nowMs / periodMs);
    inPeriod[period] = (inPeriod[period] ?? 0) + 4;
    nowMs += 4;
    computedMs += 4;
  }
  return { computedMs, longestRestMs, mostInPeriodMs: Math.max(...inPeriod.slice(1)) };
}

test('under a quota computing is spread: nearly as much as it gives is used, no period is used up, no rest is long', () => {
  const { computedMs, longestRestMs, mostInPeriodMs } = play(0.5, 10_000);
  expect(computedMs).toBeGreaterThan(4_850);
  expect(computedMs).toBeLessThan(4_950);
  expect(mostInPeriodMs).toBeLessThanOrEqual(52);
  expect(longestRestMs).toBeLessThanOrEqual(5);
});

test('who has a core never rests', () => {
  expect(play(1, 1_000)).toMatchObject({ computedMs: 1_000, longestRestMs: 0 });
});

test('what was not used is not saved up, and of a debt half a period is rested for at most', () => {
  let computedMs = 0;
  const pace = paceOf(0.5, () => computedMs);
  expect(pace.restMs(60_000)).toBe(0);
  computedMs = 8;
  expect(pace.restMs(60_004)).toBeGreaterThan(0);
  computedMs = 1_000;
  expect(pace.restMs(60_008)).toBe(5);
  expect(pace.restMs(60_018)).toBe(5);
  expect(pace.restMs(60_108)).toBe(0);
});

test('a collection of garbage on two cores is rested for as well: nothing of its period is left', () => {
  let computedMs = 0;
  const pace = paceOf(0.5, () => computedMs);
  pace.restMs(60_000);
  computedMs = 40;
  let nowMs = 60_020;
  for (let restMs = pace.restMs(nowMs); restMs > 0; restMs = pace.restMs(nowMs)) nowMs += restMs;
  expect(nowMs - 60_000).toBeGreaterThanOrEqual(70);
});

test('while other threads of the process take all of the quota, this one has a seventh of a core all the same, in small pieces', () => {
  let [nowMs, ownMs, sinceMs, longestMs] = [0, 0, 0, 0];
  const pace = paceOf(
    0.5,
    () => ownMs + nowMs,
    () => ownMs,
  );
  while (nowMs < 2_000) {
    const restMs = pace.restMs(nowMs);
    if (restMs === 0) {
      longestMs = Math.max(longestMs, nowMs - sinceMs);
      sinceMs = nowMs + 2;
      ownMs += 2;
    }
    nowMs += restMs === 0 ? 2 : restMs;
  }
  expect(ownMs / nowMs).toBeGreaterThan(0.13);
  expect(ownMs / nowMs).toBeLessThan(0.16);
  expect(longestMs).toBeLessThan(25);
});

test('the computing of this process grows while it computes', () => {
  const before = processComputedMs();
  // However little of a busy machine it gets.
  for (const end = performance.now() + 20_000; performance.now() < end && processComputedMs() === before; );
  expect(processComputedMs()).toBeGreaterThan(before);
});
