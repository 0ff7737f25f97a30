import { describe, expect, test } from 'vitest';
import { sourceOf } from '../../../src/base/source.ts';
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
  expect([queue.size, queue.peerCount, queue.waitingOf('a')]).toEqual([0, 0, 0]);
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
  expect([queue.size, queue.peerCount, queue.waitingOf('a'), queue.waitingOf('b')]).toEqual([3, 2, 2, 0]);
  queue.add('b', 'b2');
  expect(drain(queue).toSorted()).toEqual(['a3', 'b2', 'c1', 'old a4']);
});

describe('a peer of many addresses', () => {
  const flood = (queue: FairQueue<string>, addresses: number, each: number) => {
    for (let index = 0; index < addresses * each; index++)
      queue.add(sourceOf('of acme', `198.51.100.${index % addresses}`), `flood ${index}`);
  };

  test('has one turn, and its addresses have theirs within it', () => {
    const queue = new FairQueue<string>(10_000);
    flood(queue, 100, 10);
    queue.add(sourceOf('of acme', '198.51.100.200'), 'quiet');
    for (let index = 0; index < 3; index++) queue.add('192.0.2.1', `other ${index}`);
    expect([queue.peerCount, queue.size]).toEqual([2, 1_004]);
    const taken = drain(queue);
    expect(taken.slice(0, 6).filter((item) => item.startsWith('other'))).toHaveLength(3);
    expect(taken.indexOf('quiet')).toBeLessThan(110);
    expect(taken).toHaveLength(1_004);
    expect([queue.peerCount, queue.size, queue.waitingOf('192.0.2.1')]).toEqual([0, 0, 0]);
  });

  test('before the next of an address comes what its peer has in the same turns', () => {
    const queue = new FairQueue<string>(10_000);
    flood(queue, 10, 5);
    const quiet = sourceOf('of acme', '198.51.100.200');
    expect([queue.aheadOf(quiet), queue.aheadOf(sourceOf('of acme', '198.51.100.1'))]).toEqual([10, 50]);
    expect([queue.waitingOf(quiet), queue.aheadOf('192.0.2.1'), queue.aheadOf('of acme')]).toEqual([0, 0, 10]);
  });

  test('that fills the queue leaves its own quiet address a place, and others all of theirs', () => {
    const queue = new FairQueue<string>(100);
    flood(queue, 2, 1_000);
    expect(queue.size).toBe(100);
    expect(queue.add(sourceOf('of acme', '198.51.100.200'), 'quiet')).toBe(true);
    for (let index = 0; index < 30; index++) expect(queue.add('192.0.2.1', `other ${index}`)).toBe(true);
  });

  test('what holds for the first of each address is taken', () => {
    const queue = new FairQueue<string>(100);
    flood(queue, 3, 2);
    queue.add('192.0.2.1', 'other');
    const taken: string[] = [];
    queue.takeWhile(
      (item) => item !== 'flood 4',
      (item) => taken.push(item),
    );
    expect(taken.toSorted()).toEqual(['flood 0', 'flood 1', 'flood 2', 'flood 3', 'flood 5', 'other']);
    expect([queue.peerCount, drain(queue)]).toEqual([1, ['flood 4']]);
  });
});
