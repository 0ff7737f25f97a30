import { expect, test } from 'vitest';
import { storeTime } from '../../src/base/store-time.ts';
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

test('a store that takes over with a clock up to a minute behind slows the time down until the rest has passed: what is later has a later time', () => {
  const own = new VirtualScheduler();
  let aheadMs = 0;
  const shared = storeTime({ clockOffsetMs: () => aheadMs }, own);
  const before = shared.wallMs();
  aheadMs = 5_000;
  own.advance(1_000);
  expect(shared.wallMs()).toBe(before + 100);
  own.advance(20);
  expect(shared.wallMs()).toBe(before + 102);
  own.advance(4_980);
  expect(shared.wallMs()).toBe(before + 1_000);
});

test('a time that was wrong by more is corrected at once', () => {
  const own = new VirtualScheduler();
  let aheadMs = 0;
  const shared = storeTime({ clockOffsetMs: () => aheadMs }, own);
  const before = shared.wallMs();
  aheadMs = 3_600_000;
  expect(shared.wallMs()).toBe(before - 3_600_000);
});
