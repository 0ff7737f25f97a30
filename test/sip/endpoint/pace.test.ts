import { expect, test } from 'vitest';
import { Pace, processComputedMs } from '../../../src/sip/endpoint/pace.ts';

/** Plays a process with more to do than it may: computes in turns of 4 ms, rests when it is told to. */
function play(share: number, forMs: number): { computedMs: number; longestRestMs: number; mostInPeriodMs: number } {
  const periodMs = 100;
  let [nowMs, computedMs, longestRestMs] = [0, 0, 0];
  const inPeriod: number[] = [];
  const pace = new Pace(
    () => share,
    () => computedMs,
    () => computedMs,
  );
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
  return { computedMs, longestRestMs, mostInPeriodMs: Math.max(...inPeriod) };
}

test('under a quota computing is spread: nine tenths of what it gives are used, no period is used up, no rest is long', () => {
  const { computedMs, longestRestMs, mostInPeriodMs } = play(0.5, 10_000);
  expect(computedMs).toBeGreaterThan(4_450);
  expect(computedMs).toBeLessThan(4_550);
  expect(mostInPeriodMs).toBeLessThanOrEqual(52);
  expect(longestRestMs).toBeLessThanOrEqual(5);
});

test('who has a core never rests', () => {
  expect(play(1, 1_000)).toMatchObject({ computedMs: 1_000, longestRestMs: 0 });
});

test('what was not used is not saved up, and of a debt half a period is rested for at most', () => {
  let computedMs = 0;
  const pace = new Pace(
    () => 0.5,
    () => computedMs,
    () => computedMs,
  );
  expect(pace.restMs(60_000)).toBe(0);
  computedMs = 8;
  expect(pace.restMs(60_004)).toBeGreaterThan(0);
  computedMs = 1_000;
  expect(pace.restMs(60_008)).toBe(5);
  expect(pace.restMs(60_018)).toBe(5);
  expect(pace.restMs(60_120)).toBe(0);
});

test('a short collection of garbage on several cores is rested for as well', () => {
  let [computedMs, ownMs] = [0, 0];
  const pace = new Pace(
    () => 0.5,
    () => computedMs,
    () => ownMs,
  );
  pace.restMs(60_000);
  [computedMs, ownMs] = [18, 8];
  let nowMs = 60_008;
  expect(pace.othersCompute).toBe(false);
  for (let restMs = pace.restMs(nowMs); restMs > 0; restMs = pace.restMs(nowMs)) nowMs += restMs;
  expect(nowMs - 60_000).toBeGreaterThanOrEqual(25);
});

test('while other threads mark the heap nobody rests: they use up the quota, whoever does; once they are done that goes on', () => {
  let [computedMs, ownMs, nowMs] = [0, 0, 60_000];
  const pace = new Pace(
    () => 0.5,
    () => computedMs,
    () => ownMs,
  );
  const beat = (passedMs: number, own: number, others: number): number => {
    nowMs += passedMs;
    ownMs += own;
    computedMs += own + others;
    return pace.restMs(nowMs);
  };
  beat(0, 0, 0);
  // Both run, until the kernel has the process stand still for the rest of each period.
  for (let turn = 0; turn < 5; turn++) beat(5, 5, 5);
  for (let period = 0; period < 3; period++) {
    expect([beat(75, 0, 0), pace.othersCompute]).toEqual([0, true]);
    for (let turn = 0; turn < 5; turn++) expect(beat(5, 5, 5)).toBe(0);
  }
  for (let turn = 0; turn < 16; turn++) beat(5, 1, 0);
  expect(pace.othersCompute).toBe(false);
  expect(beat(5, 20, 0)).toBeGreaterThan(0);
});

test('the computing of this process grows while it computes', () => {
  const before = processComputedMs();
  for (const end = performance.now() + 60; performance.now() < end; );
  expect(processComputedMs()).toBeGreaterThan(before);
});
