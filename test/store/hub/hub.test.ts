import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '../../../src/base/log.ts';
import { WheelScheduler } from '../../../src/base/wheel-scheduler.ts';
import { type Tenant, tenantSchema } from '../../../src/provisioning/tenants/schema.ts';
import type { TrunkSettings } from '../../../src/provisioning/trunk-settings/schema.ts';
import { StoreHub, type Stores } from '../../../src/store/index.ts';
import { eventually } from '../../kit/eventually.ts';
import { storeContract } from '../contract.ts';
import { callsElsewhere, temporaryFolder } from '../kit.ts';
import { binding, commitOf, tenant, trunk, webhook } from '../records.ts';
import { joinHub } from './channel.ts';

const context = () => ({ log: silentLog, scheduler: new WheelScheduler(), environment: {} });

describe('the store of one worker', () => {
  storeContract(async () => {
    const folder = temporaryFolder();
    let hub: StoreHub | undefined;
    return {
      async open() {
        hub = await StoreHub.open(folder, 2, context());
        const stores = await joinHub(hub, folder, 0);
        const opened = hub;
        return {
          ...stores,
          async close() {
            await stores.close();
            await opened.close();
          },
        };
      },
      close: async () => {},
    };
  });
});

describe('two workers on one store', () => {
  let hub: StoreHub;
  let a: Stores & { leave(): void };
  let b: Stores & { leave(): void };

  beforeEach(async () => {
    const folder = temporaryFolder();
    hub = await StoreHub.open(folder, 2, context());
    a = await joinHub(hub, folder, 0);
    b = await joinHub(hub, folder, 1);
  });
  afterEach(async () => {
    await a.close();
    await b.close();
    await hub.close();
  });

  test('what one commits the other hears of and has, without reading the store again', async () => {
    await b.provisioning.load();
    let heard = 0;
    b.provisioning.onChange?.(() => heard++);
    await a.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')] }));
    await eventually('the other to hear', () => heard === 1);
    const { version, state } = await b.provisioning.load();
    expect([version, state.tenants.map(({ name }) => name)]).toEqual([1, ['acme']]);
    expect(state).toEqual((await a.provisioning.load()).state);
  });

  test('what a commit leaves as it was is at the other the same object, so that nothing is made ready anew', async () => {
    const prefixes = Array.from({ length: 1000 }, (_, index) => String(1_000_000 + index));
    const rule = { name: 'far', match: { prefixes }, routes: [{ trunk: 'carrier' }] };
    const acme = tenantSchema.parse({ ...tenant('acme'), outboundRules: [rule] });
    const atB = async (version: number) => {
      await eventually('the other to have it', async () => (await b.provisioning.load()).version === version);
      return (await b.provisioning.load()).state.tenants.at(0) as Tenant;
    };
    await b.provisioning.load();
    await a.provisioning.commit(commitOf(0, { putTenants: [acme] }));
    const before = await atB(1);
    const extensions = before.extensions.map((extension) => ({ ...extension, anonymousCalls: true }));
    await a.provisioning.commit(commitOf(1, { putTenants: [{ ...acme, extensions }] }));
    const after = await atB(2);
    expect(after.extensions).toMatchObject([{ anonymousCalls: true }]);
    expect(after.outboundRules).toBe(before.outboundRules);
  });

  test('of two commits against one version, large enough to go over in parts, one is stale and nothing mixes', async () => {
    const extensions = (first: number) =>
      Array.from({ length: 600 }, (_, index) => ({
        ...tenant('x').extensions[0],
        number: String(first + index),
        password: 's3cret-pass',
      }));
    const large = (name: string, first: number) => ({ ...tenant(name), extensions: extensions(first) }) as never;
    const results = await Promise.all([
      a.provisioning.commit(commitOf(0, { putTenants: [large('acme', 1000)] })),
      b.provisioning.commit(commitOf(0, { putTenants: [large('beta', 5000)] })),
    ]);
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(['committed', 'stale']);
    const { state } = await a.provisioning.load();
    expect(state.tenants).toHaveLength(1);
    expect(state.tenants.at(0)?.extensions).toHaveLength(600);
  });

  test('a large commit of one reaches the other whole, in messages of a millisecond or two', async () => {
    const items = (count: number, of: (index: number) => object) => Array.from({ length: count }, (_, at) => of(at));
    const extensions = (first: number) =>
      items(700, (at) => ({ ...tenant('x').extensions[0], number: String(first + at) })) as Tenant['extensions'];
    await b.provisioning.load();
    const told: number[] = [];
    const watcher = hub.join('edge-w3', 2, (message) => void told.push(JSON.stringify(message).length));
    const putTenants = ['acme', 'beta', 'zeta'].map((name, at) => ({
      ...tenant(name),
      extensions: extensions(1000 * (at + 1)),
    }));
    const putTrunks = items(600, (at) => trunk(String(at))) as TrunkSettings[];
    await a.provisioning.commit(commitOf(0, { putTenants, putTrunks }));
    const { version, state } = await eventually('the other to have it', async () => {
      const loaded = await b.provisioning.load();
      return loaded.version === 1 ? loaded : undefined;
    });
    expect(version).toBe(1);
    expect([...state.tenants]).toEqual(putTenants);
    expect([...state.trunks]).toEqual(putTrunks);
    const whole = JSON.stringify({ putTenants, putTrunks }).length;
    expect(Math.max(...told)).toBeLessThan(whole / 5);
    await a.provisioning.commit(commitOf(1, { deleteTenants: ['beta'] }));
    await eventually('the deletion', async () => (await b.provisioning.load()).state.tenants.length === 2);
    watcher.leave();
  });

  test('a registration at one is told to the other; webhooks too', async () => {
    const bound: string[] = [];
    b.bindings.onRemoteChange?.((aor, bindings) => bound.push(`${aor} ${bindings?.length}`));
    let changed = 0;
    b.webhooks.onChange?.(() => changed++);
    await a.bindings.write([{ aor: '101@acme.test', bindings: [binding('101@acme.test')] }]);
    await a.webhooks.put(webhook('1'));
    await eventually('both', () => bound.length === 1 && changed === 1);
    expect(bound).toEqual(['101@acme.test 1']);
    expect(await b.webhooks.list()).toHaveLength(1);
  });

  test('counts of one are told to the other', async () => {
    const told: unknown[] = [];
    b.tallies.onRemoteChange?.((totals) => told.push(...totals));
    await a.tallies.add(1, [{ key: 'x', add: 2, known: 0, untilMs: 9e12 }], 1);
    await b.tallies.add(1, [{ key: 'x', add: 3, known: 2, untilMs: 9e12 }], 1);
    await eventually('the news', () => told.length > 0);
    expect(told).toEqual([{ key: 'x', total: 2, untilMs: 9e12 }]);
    expect(await a.tallies.load()).toEqual([{ key: 'x', total: 5, untilMs: 9e12 }]);
  });

  test('a lease is one worker’s until it gives it up or ends', async () => {
    expect(await a.trunkLease.acquire('registration 1', 60_000)).toBe(true);
    expect(await b.trunkLease.acquire('registration 1', 60_000)).toBe(false);
    b.trunkLease.release('registration 1');
    expect(await a.trunkLease.acquire('registration 1', 60_000)).toBe(true);
    a.trunkLease.release('registration 1');
    expect(await b.trunkLease.acquire('registration 1', 60_000)).toBe(true);
    b.leave();
    expect(await a.trunkLease.acquire('registration 1', 60_000)).toBe(true);
  });

  test('calls for a limit are known to the other, and forgotten with the worker', async () => {
    let calls: Record<string, number> = {};
    a.nodes.announce(
      () => ({ calls, signs: true }),
      () => ({ calls }),
    );
    await eventually('the first news', () => b.nodes.others().length === 1);
    for (let count = 1; count < 4; count++) {
      calls = { 'trunk 1': count };
      await eventually('the count', () => callsElsewhere(b, 'trunk 1') === count);
      // News of calls alone leave what was told before.
      expect(b.nodes.others()[0]?.signs).toBe(true);
    }
    expect(a.nodes.told()).toMatchObject({ calls: { 'trunk 1': 3 } });
    expect(b.nodes.others().map(({ name }) => name)).toEqual(['edge-w1']);
    a.leave();
    await eventually('nobody else', () => b.nodes.others().length === 0);
  });

  test('one that joins knows at once what the others have said of themselves', async () => {
    a.nodes.announce(() => ({ signs: true, process: '1-1' }));
    await eventually('the news', () => b.nodes.others().length === 1);
    const again = await joinHub(hub, temporaryFolder(), 1);
    expect(again.nodes.others()).toMatchObject([{ name: 'edge-w1', signs: true, process: '1-1' }]);
    await again.close();
  });

  test('answered calls are those of the worker that had them', async () => {
    await a.calls.write({ put: [{ id: 'one', document: '{}' }], remove: [], aliveAtMs: 1 });
    await b.calls.write({ put: [{ id: 'two', document: '{}' }], remove: [], aliveAtMs: 2 });
    expect((await a.calls.load()).calls).toEqual([{ id: 'one', document: '{}' }]);
    expect((await b.calls.load()).calls).toEqual([{ id: 'two', document: '{}' }]);
    await b.calls.write({ put: [], remove: ['two'], aliveAtMs: 3 });
    expect((await b.calls.load()).calls).toEqual([]);
  });

  test('a hub that is gone is store-unreachable, and no order waits for ever', async () => {
    a.leave();
    expect(a.problems()).toEqual(['store-unreachable']);
    await expect(a.tokens.list()).rejects.toThrow('closed');
  });
});
