import { expect, test } from 'vitest';
import { storeTime } from '../../src/call/index.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

test('nodes whose clocks are apart have one time in common, the store’s, also when a clock is set', () => {
  const own = new VirtualScheduler();
  let aheadMs = 5_000;
  const shared = storeTime({ clockOffsetMs: () => aheadMs }, own);
  expect(own.wallMs() - shared.wallMs()).toBe(5_000);
  const before = shared.wallMs();
  own.shiftWall(3_600_000);
  aheadMs += 3_600_000;
  expect(shared.wallMs()).toBe(before);
  own.advance(10);
  expect([shared.nowMs(), shared.wallMs() - before]).toEqual([10, 10]);
});

test('a node without a store goes by its own clock', () => {
  const own = new VirtualScheduler();
  expect(storeTime(undefined, own).wallMs()).toBe(own.wallMs());
  expect(storeTime({}, own).wallMs()).toBe(own.wallMs());
});
