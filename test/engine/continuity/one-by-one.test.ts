import { expect, test } from 'vitest';
import { OneByOne } from '../../../src/engine/continuity/one-by-one.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

function world() {
  const scheduler = new VirtualScheduler();
  const done: string[] = [];
  return {
    scheduler,
    done,
    queue: new OneByOne<string>(scheduler, 20, (item) => done.push(`${item} ${scheduler.nowMs()}`)),
  };
}

test('one after the other, so long apart; those that are added come after those that wait', () => {
  const { scheduler, done, queue } = world();
  queue.add(['a', 'b']);
  scheduler.advance(20);
  queue.add(['c'], 5_000);
  scheduler.advance(100);
  expect(done).toEqual(['a 20', 'b 40', 'c 60']);
  expect(scheduler.armedCount).toBe(0);
});

test('the first has its turn when it is said to; nothing is armed for nobody', () => {
  const { scheduler, done, queue } = world();
  queue.add([], 1_000);
  expect(scheduler.armedCount).toBe(0);
  queue.add(['a', 'b'], 1_000);
  scheduler.advance(2_000);
  expect(done).toEqual(['a 1000', 'b 1020']);
});

test('whoever adds while one has its turn is not forgotten', () => {
  const scheduler = new VirtualScheduler();
  const done: number[] = [];
  const queue: OneByOne<number> = new OneByOne(scheduler, 20, (item) => {
    done.push(item);
    if (item < 3) queue.add([item + 1]);
  });
  queue.add([1]);
  scheduler.advance(100);
  expect(done).toEqual([1, 2, 3]);
});

test('once stopped nobody has a turn', () => {
  const { scheduler, done, queue } = world();
  queue.add(['a', 'b']);
  scheduler.advance(20);
  queue.stop();
  scheduler.advance(1_000);
  expect(done).toEqual(['a 20']);
  expect(scheduler.armedCount).toBe(0);
});
