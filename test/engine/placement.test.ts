import { expect, test } from 'vitest';
import { World } from './world.ts';

test('a dial code that stores a setting is answered when it is stored, with what was set, and makes no call', async () => {
  const world = await World.start();
  const alice = world.phone('101', '203.0.113.1');
  const invite = alice.call('*31');
  await world.turn();
  world.run();
  expect(world.settings.map(({ setting }) => setting)).toEqual([{ extension: '101', set: { anonymousCalls: true } }]);
  expect(alice.final(invite)?.status).toBe(480);
  expect(world.engine.calls.counters.started).toBe(0);
});

test('a setting that cannot be stored: 500, and a line in the log', async () => {
  const world = await World.start({
    storeSetting: async () => {
      throw new Error('the disk is full');
    },
  });
  const alice = world.phone('101', '203.0.113.1');
  const invite = alice.call('*31');
  await world.turn();
  world.run();
  expect(alice.final(invite)).toMatchObject({ status: 500, reason: 'Setting Not Stored' });
  expect(JSON.stringify(world.log)).toContain('setting-not-stored');
});

test('a call that was routed and did not begin gives back what the guards had granted', async () => {
  const world = await World.start({ acme: { limits: { concurrentCalls: 1 } } });
  const alice = world.phone('101', '203.0.113.1');
  for (let turn = 0; turn < 3; turn++) {
    const invite = alice.call('18005550199', { 'Max-Forwards': '0' });
    expect(alice.final(invite)?.status).toBe(483);
  }
  expect(world.engine.trunks.capacity.use().calls).toEqual({});
});
