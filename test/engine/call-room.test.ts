import { expect, test } from 'vitest';
import { CallRoom } from '../../src/engine/call-room.ts';
import { CARRIER_A, PASSWORD, SDP, World, type WorldOptions } from './world.ts';

const ALICE = '203.0.113.1';
const BOB = '203.0.113.2';
const SHARE = { tenant: 'acme', didPool: '14155550100-14155550199', concurrentCalls: 1 };

/** A call over a trunk and one between phones, both of the same tenant: whose end makes room. */
async function ends(options: WorldOptions) {
  const world = await World.start(options);
  const [alice, bob, carrier] = [world.phone('101', ALICE), world.phone('102', BOB), world.agent(CARRIER_A)];
  const out = alice.call('18005550199');
  carrier.answer(carrier.took('INVITE'), 200, 'OK', {}, SDP);
  const inside = alice.call('102');
  const atBob = bob.requests('INVITE').at(-1);
  if (atBob !== undefined) bob.answer(atBob, 200, 'OK', {}, SDP);
  world.run();
  const room = new CallRoom(world.engine.calls, world.engine.trunks.capacity);
  const tags = {
    'caller over the trunk': alice.final(out)?.toTag(),
    carrier: carrier.took('INVITE').fromTag(),
    'caller inside': alice.final(inside)?.toTag(),
    'callee inside': atBob?.fromTag(),
    stranger: 'of no call',
  };
  const makeRoom = Object.entries(tags).flatMap(([party, tag]) => (room.isMadeBy(tag ?? '') ? [party] : []));
  return { isNone: room.isNone, makeRoom };
}

test('the end of a call makes room where its trunk, its tenant or that one’s part of the trunk is full, whichever side ends it', async () => {
  const overTrunk = ['caller over the trunk', 'carrier'];
  const trunks = (change: object) => ends({ trunks: { 'carrier-a': change } });
  expect(await trunks({ limits: { concurrentCalls: 1 } })).toEqual({ isNone: false, makeRoom: overTrunk });
  expect(await trunks({ limits: { concurrentCalls: 2 } })).toEqual({ isNone: false, makeRoom: [] });
  expect(await trunks({ tenants: [SHARE] })).toEqual({ isNone: false, makeRoom: overTrunk });
  const { makeRoom } = await ends({ acme: { limits: { concurrentCalls: 1 } } });
  expect(makeRoom).toEqual(expect.arrayContaining(overTrunk));
});

test('the limit of an extension, or of a trunk that is not the call’s, puts no end before others', async () => {
  const limits = { concurrentCalls: 1 };
  const extensions = ['101', '102'].map((number) => ({ number, password: PASSWORD, limits }));
  expect(await ends({ acme: { extensions } })).toEqual({ isNone: false, makeRoom: [] });
  const { makeRoom } = await ends({ trunks: { 'carrier-a': { limits } } });
  expect(makeRoom).not.toContain('caller inside');
});

test('there is none while the node has as many calls as it may have', async () => {
  expect((await ends({ settings: { limits: { calls: 3 } } })).isNone).toBe(false);
  expect((await ends({ settings: { limits: { calls: 2 } } })).isNone).toBe(true);
});
