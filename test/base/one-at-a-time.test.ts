import { expect, test } from 'vitest';
import { OneAtATime } from '../../src/base/one-at-a-time.ts';
import { isCollected } from '../kit/collected.ts';

test('works begin in the order in which they were asked for, each when the one before it is over', async () => {
  const turns = new OneAtATime();
  const seen: string[] = [];
  const first = Promise.withResolvers<string>();
  const answers = Promise.all([
    turns.run(() => {
      seen.push('first');
      return first.promise;
    }),
    turns.run(async () => {
      seen.push('second');
      return 'b';
    }),
  ]);
  await Promise.resolve();
  expect(seen).toEqual(['first']);
  first.resolve('a');
  expect(await answers).toEqual(['a', 'b']);
  expect(seen).toEqual(['first', 'second']);
});

test('one that fails is told to whoever asked for it, and keeps none behind it from its turn', async () => {
  const turns = new OneAtATime();
  const failed = turns.run(async () => {
    throw new Error('no room');
  });
  const next = turns.run(async () => 'done');
  await expect(failed).rejects.toThrow('no room');
  expect(await next).toBe('done');
});

test('what a work has answered, such as a new secret, is not kept until the next one', async () => {
  const turns = new OneAtATime();
  const answered = async () => new WeakRef(await turns.run(async () => ({ secret: 's' })));
  expect(await isCollected(await answered())).toBe(true);
});
