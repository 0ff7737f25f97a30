import { expect, test } from 'vitest';
import { allAtOnce, inSlices, type Steps } from '../../src/base/steps.ts';

function* busy(ms: number): Steps<string> {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs) yield;
  return 'done';
}

test('the event loop has its turn between the slices of long work', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  expect(await inSlices(busy(60))).toBe('done');
  clearInterval(timer);
  expect(turns).toBeGreaterThan(3);
});

test('what is done within the first slice waits for nobody', async () => {
  let turns = 0;
  const soon = setImmediate(() => turns++);
  await inSlices(busy(0));
  expect(turns).toBe(0);
  clearImmediate(soon);
});

test('the same work at once; what it throws reaches who asked, either way', async () => {
  expect(allAtOnce(busy(1))).toBe('done');
  const failing = function* (): Steps<void> {
    yield;
    throw new Error('broken');
  };
  expect(() => allAtOnce(failing())).toThrow('broken');
  await expect(inSlices(failing())).rejects.toThrow('broken');
});
