import { expect, test, vi } from 'vitest';
import { rejecting, World } from './world.ts';

test.each([
  ['the phrase of its status, which is a constant and is not copied', undefined, 'Temporarily Unavailable', 0],
  ['a reason of its own, which is copied out of what it was cut from', 'Barred by its owner', 'Barred by its owner', 1],
])('the record of a refused call keeps %s', (_, reason, kept, copies) => {
  const world = new World();
  world.engine.plan = () => ({
    ...rejecting(480),
    next: () => ({ status: 480, ...(reason !== undefined && { reason }) }),
  });
  const texts = vi.spyOn(Buffer.prototype, 'toString');
  world.a.call();
  world.run();
  const copied = texts.mock.results.filter(({ value }) => value === kept);
  texts.mockRestore();
  expect(world.engine.ended).toMatchObject([{ status: 480, reason: kept }]);
  expect(copied).toHaveLength(copies);
});
