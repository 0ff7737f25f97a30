import { expect, test } from 'vitest';
import { TrunkRehearsal } from '../../src/trunks/trunk-rehearsal.ts';
import { CARRIER_PASSWORD, World } from '../engine/world.ts';

async function rehearsed() {
  const credentials = { authName: 'acme', password: CARRIER_PASSWORD };
  const options = { registration: 'off' } as const;
  const world = await World.start({
    trunks: { 'carrier-b': { type: 'register', credentials, options, limits: { concurrentCalls: 1 } } },
  });
  const { directory, trunks } = world.engine;
  const trunk = directory.trunkByName('carrier-b');
  const acme = directory.tenantByName('acme');
  if (trunk === undefined || acme === undefined) throw new Error('not provisioned');
  return { world, trunk, acme, directory, trunks, rehearsal: new TrunkRehearsal(trunks, directory, world.scheduler) };
}

test('places that a rehearsed call takes are full for itself, not for others', async () => {
  const { trunk, acme, directory, trunks, rehearsal } = await rehearsed();
  expect(rehearsal.condition(trunk.id, acme).full).toBe(false);
  expect(rehearsal.admit(trunk, acme, directory).granted).toBe(true);
  expect(rehearsal.admit(trunk, acme, directory).granted).toBe(false);
  expect(rehearsal.admitInbound(trunk, acme).granted).toBe(false);
  expect(rehearsal.condition(trunk.id, acme).full).toBe(true);
  expect(trunks.condition(trunk.id, acme).full).toBe(false);
  expect(trunks.capacity.use().calls).toEqual({});
});

test("a trunk's digest client is a copy, the same one throughout the call", async () => {
  const { trunk, trunks, directory, rehearsal } = await rehearsed();
  const client = rehearsal.digestClient(trunk);
  expect(client).toBeDefined();
  expect(client).toBe(rehearsal.digestClient(trunk));
  expect(client).not.toBe(trunks.digestClient(trunk));
  const other = directory.trunkByName('carrier-a');
  expect(other === undefined ? 'none' : rehearsal.digestClient(other)).toBeUndefined();
});

test('a target that was silent during the call is tried last from then on, until it answers; the trunk hears nothing', async () => {
  const { world, trunk, rehearsal } = await rehearsed();
  const targets = ['192.0.2.10', '192.0.2.20'].map((address) => ({ transport: 'udp', address, port: 5060 }) as const);
  world.engine.trunks.targets = () => targets;
  const order = () => rehearsal.targets(trunk, { kind: 'binding', trunkId: trunk.id });
  const said = (status: number, cause: string) =>
    rehearsal.noteAttempt(trunk, { target: 'udp:192.0.2.10:5060', status, reason: '', cause });
  expect(order()).toEqual(targets);
  said(0, 'timeout');
  expect(order()).toEqual(targets.toReversed());
  said(486, 'response');
  expect(order()).toEqual(targets);
});
