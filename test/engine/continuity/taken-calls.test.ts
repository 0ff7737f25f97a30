import { expect, test } from 'vitest';
import { TakenCalls } from '../../../src/engine/continuity/taken-calls.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

test('a node is told of its own calls, and of those that were taken since it says alone', () => {
  const time = new VirtualScheduler();
  const taken = new TakenCalls(time);
  taken.note('one', ['before']);
  time.advance(1_000);
  taken.note('one', ['a', 'b']);
  taken.note('two', ['x']);
  time.advance(1_000);
  taken.note('one', ['c']);
  expect(taken.of('one', 1_000)).toEqual(['a', 'b', 'c']);
  expect(taken.of('one', 5_000)).toEqual(['before', 'a', 'b', 'c']);
  expect(taken.of('two', 999)).toEqual([]);
  expect(taken.of('three', 5_000)).toEqual([]);
});

test('of more than 50,000 the oldest are forgotten', () => {
  const taken = new TakenCalls(new VirtualScheduler());
  const ids = (of: string) => Array.from({ length: 200 }, (_, index) => `${of}-${index}`);
  for (let round = 0; round < 251; round++) taken.note(`node-${round}`, ids(`${round}`));
  expect(taken.of('node-0', 0)).toEqual([]);
  expect(taken.of('node-1', 0)).toHaveLength(200);
  expect(taken.of('node-250', 0)).toHaveLength(200);
});
