import { expect, test } from 'vitest';
import { HeaderId } from '../../src/sip/message/index.ts';
import { branchTo, legOptions, stages, World } from './world.ts';

test.each([503, 401])(
  'RFC 3261 §16.7 step 6: a %i of a callee is 500 to a caller on a trunk, 503 to others',
  (status) => {
    for (const [caller, told] of [
      [{ trunkId: '1' }, 500],
      [{}, 503],
    ] as const) {
      const world = new World();
      world.engine.plan = (request) =>
        stages([{ branches: [branchTo(request, 'b')] }], { callerLeg: { ...legOptions('caller'), ...caller } });
      const sent = world.a.call();
      world.run();
      world.b.answer(world.b.invite, status, { headers: [[HeaderId.RetryAfter, '120']] });
      world.run();
      // The carrier would send no calls here for as long as a 503 says.
      expect([sent.final?.status, sent.final?.headers.has(HeaderId.RetryAfter)]).toEqual([told, told === 503]);
      expect(world.settles()).toBe(true);
    }
  },
);

test('what is said of its own, without a callee, is said to a trunk as it is: 503', () => {
  const world = new World();
  world.engine.plan = () => ({
    ...stages([]),
    callerLeg: { ...legOptions('caller'), trunkId: '1' },
    next: () => ({ status: 503 }),
  });
  const sent = world.a.call();
  world.run();
  expect(sent.final?.status).toBe(503);
  expect(world.settles()).toBe(true);
});
