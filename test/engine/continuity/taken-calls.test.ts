import { beforeEach, expect, test } from 'vitest';
import { TakenCalls } from '../../../src/engine/continuity/taken-calls.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

let time: VirtualScheduler;
let taken: TakenCalls;

beforeEach(() => {
  time = new VirtualScheduler();
  taken = new TakenCalls(time);
});

/** All of them. */
const of = (node: string, sinceMs: number) => {
  const { total, ids } = taken.page(node, sinceMs, 0, 100_000);
  expect(ids).toHaveLength(total);
  return ids;
};
const named = (what: string) => Array.from({ length: 200 }, (_, index) => `${what}-${index}`);

test('a node is told of its own calls, and of those that were taken since it says alone', () => {
  taken.note('one', ['before']);
  time.advance(1_000);
  taken.note('one', ['a', 'b']);
  taken.note('two', ['x']);
  time.advance(1_000);
  taken.note('one', ['c']);
  expect(of('one', 1_000)).toEqual(['a', 'b', 'c']);
  expect(of('one', 5_000)).toEqual(['before', 'a', 'b', 'c']);
  expect(of('two', 999)).toEqual([]);
  expect(of('three', 5_000)).toEqual([]);
});

test('of more than 50,000 the oldest are forgotten', () => {
  for (let round = 0; round < 251; round++) taken.note(`node-${round}`, named(`${round}`));
  expect(of('node-0', 0)).toEqual([]);
  expect(of('node-1', 0)).toHaveLength(200);
  expect(of('node-250', 0)).toHaveLength(200);
});

test('of one node too, and what is told of it begins with the oldest that is left', () => {
  for (let round = 0; round < 300; round++) {
    taken.note('one', named(`${round}`));
    time.advance(10);
  }
  expect(taken.page('one', 10_000, 0, 1)).toEqual({ total: 50_000, ids: ['50-0'] });
  expect(taken.page('one', 10_000, 49_999, 30)).toEqual({ total: 50_000, ids: ['299-199'] });
  expect(taken.page('one', 20, 0, 1)).toEqual({ total: 400, ids: ['298-0'] });
});

test.each([1, 7, 30, 200, 333])('in parts of %i each is told once, and in its order', (most) => {
  for (const what of ['before', 'a', 'b', 'c']) {
    taken.note('one', named(what));
    taken.note('two', named('other'));
    taken.note('one', []);
    time.advance(1_000);
  }
  const parts = Array.from({ length: Math.ceil(600 / most) }, (_, part) => {
    const { total, ids } = taken.page('one', 3_000, part * most, most);
    expect([total, ids.length <= most]).toEqual([600, true]);
    return ids;
  });
  expect(parts.flat()).toEqual(['a', 'b', 'c'].flatMap(named));
  expect(taken.page('one', 3_000, 600, most)).toEqual({ total: 600, ids: [] });
});

test('a part costs what it has in it, not what there is', () => {
  let reads = 0;
  const counted = (ids: string[]) =>
    new Proxy(ids, {
      get: (target, name) => {
        reads++;
        return Reflect.get(target, name);
      },
    });
  for (let round = 0; round < 250; round++) taken.note('one', counted(named(`${round}`)));
  reads = 0;
  for (let from = 0; from < 50_000; from += 30) expect(taken.page('one', 1_000, from, 30).total).toBe(50_000);
  expect(reads).toBeLessThan(3 * 50_000);
});
