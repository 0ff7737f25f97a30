import { expect, test } from 'vitest';
import { ToldEnds } from '../../../src/engine/continuity/told-ends.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

test('what was told is told again once, five seconds later, in its order', () => {
  const scheduler = new VirtualScheduler();
  const told = new ToldEnds(scheduler);
  told.note(['a', 'b']);
  told.note([]);
  scheduler.advance(3_000);
  told.note(['c']);
  scheduler.advance(1_999);
  expect([told.take(), told.hasAny]).toEqual([[], true]);
  scheduler.advance(1);
  expect(told.take()).toEqual(['a', 'b']);
  scheduler.advance(3_000);
  expect([told.take(), told.take(), told.hasAny]).toEqual([['c'], [], false]);
});

test('what was taken by another node is told nobody any more', () => {
  const scheduler = new VirtualScheduler();
  const told = new ToldEnds(scheduler);
  told.note(['a']);
  told.clear();
  scheduler.advance(5_000);
  expect(told.take()).toEqual([]);
});
