import { expect, test } from 'vitest';
import { NumberPace } from '../../src/messages/pace.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

test('what is asked to wait waits: a number for all its users, a user alone', () => {
  const clock = new VirtualScheduler();
  const pace = new NumberPace(clock);
  pace.hold('7', 'a', 6_000);
  expect([pace.waitMs('7', 'a'), pace.waitMs('7', 'b'), pace.waitMs('8', 'a')]).toEqual([6_000, 0, 0]);
  pace.hold('7', undefined, 1_000);
  expect([pace.waitMs('7', 'a'), pace.waitMs('7', 'b'), pace.waitMs('8', 'a')]).toEqual([6_000, 1_000, 0]);
  clock.advance(1_500);
  expect([pace.waitMs('7', 'a'), pace.waitMs('7', 'b')]).toEqual([4_500, 0]);
  clock.advance(5_000);
  expect(pace.waitMs('7', 'a')).toBe(0);
});
