import { expect, test } from 'vitest';
import { FairQueue } from '../../../src/sip/endpoint/fair-queue.ts';

function drain(queue: FairQueue<string>): string[] {
  const taken: string[] = [];
  for (let item = queue.take(); item !== undefined; item = queue.take()) taken.push(item);
  return taken;
}

test('sources have their turns, and the items of each keep their order', () => {
  const queue = new FairQueue<string>(100);
  for (let index = 1; index <= 4; index++) queue.add('a', `a${index}`);
  queue.add('b', 'b1');
  queue.add('b', 'b2');
  queue.add('c', 'c1');
  const taken = drain(queue);
  expect(taken.filter((item) => item.startsWith('a'))).toEqual(['a1', 'a2', 'a3', 'a4']);
  expect(taken.indexOf('b2')).toBeLessThan(5);
  expect(taken.indexOf('c1')).toBeLessThan(3);
  expect([queue.size, queue.sourceCount, queue.waitingOf('a')]).toEqual([0, 0, 0]);
});

test('one that fills the queue takes no place from another', () => {
  const queue = new FairQueue<string>(10);
  const taken = Array.from({ length: 1000 }, (_each, index) => queue.add('flood', `${index}`)).filter(Boolean);
  expect(taken.length).toBe(10);
  expect(queue.add('b', 'b1')).toBe(true);
  expect(queue.add('c', 'c1')).toBe(true);
  expect(queue.add('flood', 'more')).toBe(false);
  expect(drain(queue).slice(0, 3)).toEqual(expect.arrayContaining(['b1', 'c1']));
});

test('sources without end fill twice the places and no more', () => {
  const queue = new FairQueue<string>(10);
  for (let index = 0; index < 1000; index++) queue.add(`${index}`, 'x');
  expect(queue.size).toBeLessThanOrEqual(20);
});

test('what holds for the first of each source is taken, and the others stay in their order', () => {
  const queue = new FairQueue<string>(100);
  for (const item of ['old a1', 'old a2', 'a3', 'old a4']) queue.add('a', item);
  queue.add('b', 'old b1');
  queue.add('c', 'c1');
  const taken: string[] = [];
  queue.takeWhile(
    (item) => item.startsWith('old'),
    (item) => taken.push(item),
  );
  expect(taken.toSorted()).toEqual(['old a1', 'old a2', 'old b1']);
  expect([queue.size, queue.sourceCount, queue.waitingOf('a'), queue.waitingOf('b')]).toEqual([3, 2, 2, 0]);
  queue.add('b', 'b2');
  expect(drain(queue).toSorted()).toEqual(['a3', 'b2', 'c1', 'old a4']);
});
