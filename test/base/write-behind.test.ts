import { expect, test } from 'vitest';
import { WriteBehind } from '../../src/base/write-behind.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

function start() {
  const scheduler = new VirtualScheduler();
  const written: (readonly string[])[] = [];
  const refused: [number, string][] = [];
  const world = {
    scheduler,
    written,
    refused,
    isDown: false,
    behind: new WriteBehind<string>({
      scheduler,
      write: async (items) => {
        if (world.isDown) throw new Error('unreachable');
        written.push(items);
      },
      onRefused: (count, error) => refused.push([count, error.message]),
    }),
  };
  return world;
}

test('what comes within a moment is written together; of one key the latest', async () => {
  const { behind, scheduler, written } = start();
  behind.put('a', 'first');
  behind.put('b', 'other');
  behind.put('a', 'second');
  expect(written).toEqual([]);
  scheduler.advance(250);
  await settled();
  expect(written).toEqual([['second', 'other']]);
  scheduler.advance(10_000);
  await settled();
  expect(written).toHaveLength(1);
});

test('what the store refuses is told, and written when it is back', async () => {
  const world = start();
  world.isDown = true;
  world.behind.put('a', '1');
  expect(await world.behind.flush()).toBe(false);
  expect(world.refused).toEqual([[1, 'unreachable']]);
  world.isDown = false;
  world.behind.put('b', '2');
  world.scheduler.advance(5_000);
  await settled();
  expect(world.written.flat()).toEqual(['1', '2']);
});

test('what changes while it is written is written again', async () => {
  const { behind, written } = start();
  behind.put('a', '1');
  const flushed = behind.flush();
  behind.put('a', '2');
  expect(await flushed).toBe(true);
  expect(written).toEqual([['1'], ['2']]);
});
