import { expect, test } from 'vitest';
import { capacityOf } from './board/capacity.ts';
import type { CallFigures, Phase } from './board/processes.ts';

interface Offered extends Phase {
  /** Seconds at this rate, of all phases of this run that were before. */
  readonly sinceSeconds: number;
}

/** Peers of an engine that serves what `isServed` says. */
function offerTo(isServed: (offered: Offered) => boolean, runs: (readonly Phase[])[] = []) {
  return async (phases: readonly Phase[]) => {
    runs.push(phases);
    return phases.map((phase, index) => {
      const isOne = isServed({ ...phase, sinceSeconds: index * phase.seconds });
      return { placed: 100, completed: isOne ? 100 : 90, setupP99: 20 } as CallFigures;
    });
  };
}

test('capacity is the highest rate that is served, within a tenth', async () => {
  const found = await capacityOf(offerTo(({ perSecond }) => perSecond <= 1_000));
  expect(found).toBeGreaterThan(900);
  expect(found).toBeLessThanOrEqual(1_000);
});

test('what is served for a moment alone is not capacity: less is tried until it is held, however often', async () => {
  const runs: (readonly Phase[])[] = [];
  const found = await capacityOf(offerTo(({ perSecond, seconds }) => perSecond <= (seconds < 10 ? 2_000 : 500), runs));
  expect(found).toBeGreaterThan(470);
  expect(found).toBeLessThanOrEqual(500);
  const held = runs.filter((phases) => phases.every(({ perSecond }) => perSecond === found));
  expect(held.map((phases) => phases.length)).toEqual([1, 3, 3]);
});

test('what is not served in each phase, or not each time, is not held', async () => {
  const late = offerTo(({ perSecond, sinceSeconds }) => perSecond <= (sinceSeconds < 20 ? 2_000 : 500));
  expect(await capacityOf(late)).toBeLessThanOrEqual(500);
  let last = 0;
  const second = offerTo(({ perSecond, seconds, sinceSeconds }) => {
    const isOne = perSecond <= (seconds < 10 || sinceSeconds > 0 || last !== perSecond ? 2_000 : 500);
    if (sinceSeconds === 0) last = perSecond;
    return isOne;
  });
  expect(await capacityOf(second)).toBeLessThanOrEqual(500);
});

test('where no rate is held there is none', async () => {
  expect(await capacityOf(offerTo(({ perSecond, seconds }) => seconds < 10 && perSecond <= 2_000))).toBe(0);
});
