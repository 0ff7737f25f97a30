import type { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Stores } from '../../../src/store/index.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { commitOf, tenant, trunk } from '../records.ts';
import { eventually, onTwoNodes, type RedisWorld } from './world.ts';

describe.skipIf(peersSkipped)('changes of several nodes on one Redis', () => {
  let a: Stores;
  let b: Stores;
  let world: RedisWorld;
  let admin: Redis;

  const { key } = onTwoNodes((made) => {
    ({ a, b, world, admin } = made);
  });

  /** Counts notices; the listener loads, as the engine does. */
  function follow(stores: Stores) {
    const followed = { notices: 0, version: 0, names: [] as string[] };
    stores.provisioning.onChange?.(() => {
      followed.notices++;
      void stores.provisioning.load().then(({ version, state }) => {
        followed.version = version;
        followed.names = state.tenants.map(({ name }) => name);
      });
    });
    return followed;
  }

  test('a commit on one node is in the memory of the other within 1 s, and the nonce secret is one', async () => {
    const followed = follow(b);
    const own = follow(a);
    await a.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')] }));
    expect(await eventually(() => followed.version === 1)).toBeLessThan(1000);
    expect(followed.names).toEqual(['acme']);
    await a.provisioning.commit(commitOf(1, { putTenants: [tenant('umbrella')], putTrunks: [trunk('100000001')] }));
    await a.provisioning.commit(commitOf(2, { deleteTenants: ['acme'] }));
    await eventually(() => followed.version === 3);
    expect(followed.names).toEqual(['umbrella']);
    expect(await b.provisioning.load()).toEqual(await a.provisioning.load());
    expect(own.notices).toBe(0);
    expect(b.nonceSecret).toEqual(a.nonceSecret);
  });

  test('a node is not told of its own commits, whenever it asks Redis for the version', async () => {
    const own = follow(a);
    for (let version = 0; version < 300; version++) {
      const commit = a.provisioning.commit(commitOf(version, { putTenants: [tenant('acme', String(version))] }));
      // Makes the node ask while its commit is under way.
      await Promise.all([commit, admin.publish(key('channel'), '')]);
    }
    expect(own.notices).toBe(0);
  });

  test('changes come without the channel too, within 1 s', async () => {
    const followed = follow(b);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await a.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')] }));
    expect(await eventually(() => followed.version === 1)).toBeLessThan(1000);
  });

  test('two nodes that commit against one version at the same instant: exactly one wins, 50 times', async () => {
    for (let version = 0; version < 50; version++) {
      const results = await Promise.all([
        a.provisioning.commit(commitOf(version, { putTenants: [tenant('of-a', String(version))] })),
        b.provisioning.commit(commitOf(version, { putTenants: [tenant('of-b', String(version))] })),
      ]);
      expect(results.map(({ outcome }) => outcome).sort()).toEqual(['committed', 'stale']);
    }
    expect((await a.provisioning.load()).version).toBe(50);
    expect(await b.provisioning.load()).toEqual(await a.provisioning.load());
  });

  test('a node that missed events, with some of them gone, reads everything and has the same state', async () => {
    const writer = await world.open('node-c');
    onTestFinished(() => writer.close());
    await writer.provisioning.commit(commitOf(0, { putTenants: [tenant('t-0')] }));
    expect((await b.provisioning.load()).version).toBe(1);
    // From here on b, which has no listener, does not read.
    for (let version = 1; version < 6; version++) {
      await writer.provisioning.commit(commitOf(version, { putTenants: [tenant(`t-${version}`)] }));
    }
    await admin.call('XTRIM', key('events'), 'MAXLEN', '0');
    await writer.provisioning.commit(commitOf(6, { deleteTenants: ['t-0'], putTenants: [tenant('t-1', 'Bob')] }));
    expect(await b.provisioning.load()).toEqual(await writer.provisioning.load());
    expect((await b.provisioning.load()).version).toBe(7);
  });

  test('several changes come at once: what they name is as it is there, in its order, and the rest stays the object that it was', async () => {
    const putTenants = [tenant('one'), tenant('two'), tenant('three')];
    await a.provisioning.commit(commitOf(0, { putTenants, putTrunks: [trunk('100000001')] }));
    const before = (await b.provisioning.load()).state;
    await a.provisioning.commit(commitOf(1, { deleteTenants: ['one'] }));
    await a.provisioning.commit(commitOf(2, { putTenants: [tenant('one', 'New'), tenant('two', 'Other')] }));
    await a.provisioning.commit(commitOf(3, { putTenants: [tenant('gone')] }));
    await a.provisioning.commit(commitOf(4, { deleteTenants: ['gone'] }));
    const { version, state } = await b.provisioning.load();
    expect(version).toBe(5);
    expect(state).toEqual((await a.provisioning.load()).state);
    expect(state.tenants.map(({ name }) => name)).toEqual(['two', 'three', 'one']);
    expect(state.trunks).toBe(before.trunks);
    expect(state.tenants.at(1)).toBe(before.tenants.at(2));
  });
});
