import { expect, test } from 'vitest';
import type { Calls } from '../../../src/call/index.ts';
import { EndingCalls } from '../../../src/engine/continuity/ending-calls.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

async function pass(time: VirtualScheduler, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10) {
    time.advance(10);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('what is being ended is taken out of what others go on with, and waited for, but not longer than an answer takes', async () => {
  const time = new VirtualScheduler();
  const states = new Map([
    ['up', 'answered'],
    ['one', 'ending'],
    ['two', 'ending'],
  ]);
  const get = (id: string) => (states.has(id) ? { state: states.get(id) } : undefined);
  const ending = new EndingCalls({ get } as unknown as Calls, time);
  const [stored, ended] = [new Set(['up', 'one', 'two']), new Set<string>()];
  ending.move(stored, ended);
  expect([[...stored], [...ended], ending.size]).toEqual([['up'], ['one', 'two'], 2]);
  expect(['up', 'one'].map((id) => ending.has(id))).toEqual([false, true]);
  let isOver = false;
  const over = ending.ended().then(() => {
    isOver = true;
  });
  states.delete('one');
  await pass(time, 100);
  expect(isOver).toBe(false);
  states.delete('two');
  await pass(time, 40);
  expect(isOver).toBe(true);
  await over;
  states.set('two', 'ending');
  const silent = ending.ended();
  await pass(time, 520);
  await silent;
});
