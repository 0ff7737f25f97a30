import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { describe, expect, type TestContext, test } from 'vitest';
import { silentLog } from '../../../src/base/log.ts';
import { WheelScheduler } from '../../../src/base/wheel-scheduler.ts';
import { openStores } from '../../../src/store/index.ts';
import { Tallies } from '../../../src/trunks/tallies.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { startCluster, startRedis, startSentinels } from '../../kit/redis.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { bindingsIn } from '../../registrar/kit.ts';
import { binding, CANARY, certificate, commitOf, tenant, trunk, webhook } from '../records.ts';
import { eventually, redisWorld } from './world.ts';

const token = {
  id: 't1',
  role: 'system-admin' as const,
  hash: '$sha256$x',
  createdAt: '2026-11-21T00:00:00.000Z',
  createdBy: 'bootstrap',
};

/** A Redis, and what opens the store of a node on it; gone when the test ends. */
async function begin({ onTestFinished }: Pick<TestContext, 'onTestFinished'>) {
  const server = await startRedis();
  const world = await redisWorld({ url: server.url });
  onTestFinished(async () => {
    await server.stop();
    await world.close();
  });
  const open = async (node?: string) => {
    const stores = await world.open(node);
    onTestFinished(() => stores.close());
    return stores;
  };
  /** A node on an empty Redis that stands still as soon as the store was made. */
  const openFrozen = async (forMs?: number) => {
    const freeze = (event: string) => {
      if (event !== 'store-made') return;
      server.child().signal('SIGSTOP');
      if (forMs !== undefined) setTimeout(() => server.child().signal('SIGCONT'), forMs);
    };
    const frozen = await redisWorld({ url: server.url }, { ...silentLog, warn: freeze });
    onTestFinished(() => frozen.close());
    return frozen.open();
  };
  return { server, world, open, openFrozen };
}

// Each test has servers of its own and mostly waits; those with a bar for how long it may take have no others beside them.
const alone = { concurrent: false };

describe.skipIf(peersSkipped)('when Redis fails', { concurrent: true }, () => {
  test(
    'kill -9 during writes, 5 rounds: no acknowledged commit is lost, the node recovers by itself in 3 s',
    alone,
    async (context) => {
      const { server, open } = await begin(context);
      const stores = await open();
      const acknowledged: string[] = [];
      for (let round = 1; round <= 5; round++) {
        let isKilled = false;
        const writing = (async () => {
          let { version } = await stores.provisioning.load();
          for (let serial = 1; !isKilled; serial++) {
            const name = `r${round}-${serial}`;
            const result = await stores.provisioning.commit(commitOf(version, { putTenants: [tenant(name)] }));
            if (result.outcome === 'committed') {
              acknowledged.push(name);
              version = result.version;
            } else version = (await stores.provisioning.load()).version;
          }
        })().catch(() => {});
        await eventually(() => acknowledged.filter((name) => name.startsWith(`r${round}-`)).length > 5);
        await server.kill();
        isKilled = true;
        await writing;
        await eventually(() => stores.problems().includes('store-unreachable'));
        await server.start();
        expect(await eventually(() => stores.problems().length === 0)).toBeLessThan(3000);
      }
      const kept = new Set((await stores.provisioning.load()).state.tenants.map(({ name }) => name));
      expect(acknowledged.filter((name) => !kept.has(name))).toEqual([]);
    },
  );

  test(
    'while it is away: reads come from the copy, writes reject within 1 s, and bindings are written when it is back',
    alone,
    async (context) => {
      const { server, open } = await begin(context);
      const stores = await open();
      await stores.tokens.put(token);
      await stores.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')] }));
      const before = await stores.provisioning.load();
      await server.kill();
      await eventually(() => stores.problems().includes('store-unreachable'));
      const startedAtMs = performance.now();
      expect(await stores.provisioning.load()).toEqual(before);
      expect(await stores.tokens.get('t1')).toEqual(token);
      const change = [{ aor: '101@acme', bindings: [binding('101@acme')] }];
      await expect(stores.provisioning.commit(commitOf(1, { deleteTenants: ['acme'] }))).rejects.toThrow(/reached/);
      await expect(stores.bindings.write(change)).rejects.toThrow(/reached/);
      await expect(stores.trunkLease.acquire('trunk 1', 5000)).rejects.toThrow(/reached/);
      await expect(stores.shared?.restore()).rejects.toThrow(/reached/);
      expect(performance.now() - startedAtMs).toBeLessThan(1000);
      await server.start();
      await eventually(() => stores.problems().length === 0);
      await stores.bindings.write(change);
      expect(await bindingsIn(stores.bindings)).toEqual(change[0]?.bindings);
    },
  );

  test(
    'SIGSTOP: a commit that was refused is not done when Redis wakes up, and the node recovers in 3 s',
    alone,
    async (context) => {
      const { server, open } = await begin(context);
      const stores = await open();
      await stores.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')] }));
      server.child().signal('SIGSTOP');
      const refused = stores.provisioning.commit(commitOf(1, { deleteTenants: ['acme'] }));
      const binding404 = stores.bindings.write([{ aor: '101@acme', bindings: [binding('101@acme')] }]);
      await expect(binding404).rejects.toThrow(/timed out/);
      await expect(refused).rejects.toThrow();
      await eventually(() => stores.problems().includes('store-unreachable'));
      server.child().signal('SIGCONT');
      expect(await eventually(() => stores.problems().length === 0)).toBeLessThan(3000);
      expect((await stores.provisioning.load()).version).toBe(1);
      expect(await stores.provisioning.commit(commitOf(1, { deleteTenants: ['acme'] }))).toMatchObject({ version: 2 });
    },
  );

  test('frozen while counts are added, 8 rounds: each counts once, whether its answer was lost or not', async (context) => {
    const { server, open } = await begin(context);
    const stores = await open();
    const scheduler = new WheelScheduler();
    const tallies = new Tallies({ scheduler, log: silentLog, store: stores.tallies, onCountedElsewhere: () => {} });
    const tally = tallies.of('talk', 9e12);
    for (const forMs of [0, 20, 300, 700, 1_050, 1_300, 2_500, 900]) {
      tally.waiting += 7;
      tallies.write(tally);
      const written = tallies.flush();
      server.child().signal('SIGSTOP');
      await pause(forMs);
      server.child().signal('SIGCONT');
      await written;
      tally.waiting += 1;
      tallies.write(tally);
      await eventually(() => stores.problems().length === 0);
    }
    await eventually(() => tally.own === 0);
    await tallies.stop();
    scheduler.close();
    expect(tally.total).toBe(64);
    expect((await stores.tallies.load()).map(({ total }) => total)).toEqual([64]);
  });

  test('frozen while a commit is under way: what the node says of it is what Redis holds afterwards, 10 rounds', async (context) => {
    const { server, open } = await begin(context);
    const stores = await open();
    const frozenMs = [0, 5, 50, 300, 700, 1050, 1300, 2500, 900, 1];
    for (const [round, forMs] of frozenMs.entries()) {
      const { version } = await stores.provisioning.load();
      const name = `round-${round}`;
      const outcome = stores.provisioning
        .commit(commitOf(version, { putTenants: [tenant(name)] }))
        .then((result) => result.outcome)
        .catch(() => 'rejected');
      // After the time has been asked for, before the answer to the commit: the gap differs from round to round.
      await pause(round % 3);
      server.child().signal('SIGSTOP');
      await pause(forMs);
      server.child().signal('SIGCONT');
      const said = await outcome;
      await eventually(() => stores.problems().length === 0);
      // Anything that was still queued in Redis has run by now.
      await eventually(async () => (await stores.provisioning.load()).version >= version);
      const isThere = (await stores.provisioning.load()).state.tenants.some((one) => one.name === name);
      expect([round, forMs, isThere]).toEqual([round, forMs, said === 'committed']);
    }
  });

  test('a node starts from its last copy while Redis is away, says so, and goes on with Redis when it is back', {
    ...alone,
    timeout: 30_000,
  }, async (context) => {
    const { server, world, open } = await begin(context);
    const first = await world.open();
    await first.tokens.put(token);
    await first.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')], putTrunks: [trunk('100000001')] }));
    const before = await first.provisioning.load();
    await first.close();
    await server.kill();
    const second = await open();
    expect(second.problems()).toEqual(['store-unreachable']);
    expect(await second.provisioning.load()).toEqual(before);
    expect(second.nonceSecret).toEqual(first.nonceSecret);
    await server.start();
    expect(await eventually(() => second.problems().length === 0)).toBeLessThan(3000);
    expect(await second.provisioning.commit(commitOf(1, { deleteTenants: ['acme'] }))).toMatchObject({ version: 2 });
  });

  test('without Redis and without a copy the start fails and says which Redis', async (context) => {
    const { server, world } = await begin(context);
    await server.kill();
    await expect(world.open()).rejects.toMatchObject({
      problems: [
        {
          code: 'store-unreachable',
          message: expect.stringContaining(`127.0.0.1:${server.port}: connect ECONNREFUSED`),
        },
      ],
    });
  });

  test('which stands still for a second in the middle of a start: the node starts', async (context) => {
    const { openFrozen } = await begin(context);
    const stores = await openFrozen(1000);
    context.onTestFinished(() => stores.close());
    expect(stores.problems()).toEqual([]);
  });

  test('which stands still in the middle of a start for good: the start fails and says which Redis', async (context) => {
    const { server, openFrozen } = await begin(context);
    await expect(openFrozen()).rejects.toMatchObject({
      problems: [{ code: 'store-unreachable', message: expect.stringContaining(server.url) }],
    });
  });

  test('a Redis that was emptied is not taken for the store: a node serves its copy, refuses every write, and does so after a start too', async (context) => {
    const { server, world, open } = await begin(context);
    const stores = await open();
    await stores.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')] }));
    await stores.tokens.put(token);
    await stores.webhooks.put(webhook('w1'));
    const admin = new Redis(server.port, '127.0.0.1');
    await admin.flushall();
    admin.disconnect();
    // At once, before anybody has noticed.
    expect(await stores.tokens.get('t1')).toEqual(token);
    expect(await stores.tokens.list()).toEqual([token]);
    await expect(stores.tokens.put({ ...token, id: 't2' })).rejects.toThrow(/another/);
    await expect(stores.webhooks.delete('w1')).rejects.toThrow(/another/);
    await eventually(() => stores.problems().includes('store-replaced'));
    await expect(stores.provisioning.commit(commitOf(1))).rejects.toThrow(/another store/);
    expect((await stores.provisioning.load()).state.tenants).toEqual([tenant('acme')]);
    await stores.close();
    const again = await open();
    await eventually(() => again.problems().includes('store-replaced'));
    expect((await again.provisioning.load()).state.tenants).toEqual([tenant('acme')]);
    expect(await again.tokens.get('t1')).toEqual(token);
    await expect(again.provisioning.commit(commitOf(1))).rejects.toThrow(/another store/);
    await again.close();
    rmSync(join(world.folder(), 'last-copy.json'));
    const anew = await open();
    expect((await anew.provisioning.load()).version).toBe(0);
  });

  test('a store of a newer version, or sealed with another key, is refused', async (context) => {
    const { server, world } = await begin(context);
    await (await world.open()).close();
    const other = join(world.folder('other'));
    mkdirSync(other, { recursive: true });
    const settings = {
      node: 'other',
      store: { kind: 'redis' as const, url: server.url, cluster: false, keyPrefix: world.prefix, path: other },
    };
    const own = { log: silentLog, scheduler: new VirtualScheduler(), environment: {} };
    await expect(openStores(settings, own)).rejects.toMatchObject({
      problems: [{ code: 'store-key-wrong' }],
    });
    const admin = new Redis(server.port, '127.0.0.1');
    for (const key of await admin.keys('*:meta')) await admin.hset(key, 'schema', 99);
    admin.disconnect();
    await expect(world.open()).rejects.toMatchObject({ problems: [{ code: 'store-too-new' }] });
  });

  test('no secret is readable in Redis or in the node’s folder, whose files are for their owner alone', async (context) => {
    const { server, world, open } = await begin(context);
    const stores = await open();
    const edits = { putTenants: [tenant('acme')], putTrunks: [trunk('100000001')] };
    await stores.provisioning.commit(commitOf(0, { ...edits, putCertificates: [certificate('acme-stir')] }));
    await stores.webhooks.put({ ...webhook('w1'), secret: CANARY });
    await stores.close();
    const admin = new Redis(server.port, '127.0.0.1');
    const keys = await admin.keys('*');
    const dumps = await Promise.all(keys.map((key) => admin.dumpBuffer(key)));
    admin.disconnect();
    expect(keys.length).toBeGreaterThan(3);
    expect(dumps.filter((dump) => dump?.includes(CANARY))).toEqual([]);
    for (const entry of readdirSync(world.folder(), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const mode = statSync(path).mode & 0o777;
      if (entry.isDirectory()) expect([path, mode]).toEqual([path, 0o700]);
      else expect([path, mode, readFileSync(path).includes(CANARY)]).toEqual([path, 0o600, false]);
    }
  });
});

describe.skipIf(peersSkipped)('passwords of Redis', { concurrent: true }, () => {
  test('a wrong one fails the start with the reason and without the password', async ({ onTestFinished }) => {
    const server = await startRedis({ args: ['--requirepass', 'right'] });
    onTestFinished(() => server.stop());
    const world = await redisWorld({ url: server.url, password: CANARY });
    onTestFinished(() => world.close());
    const refused = world.open();
    await expect(refused).rejects.toMatchObject({ problems: [{ code: 'store-unreachable' }] });
    await expect(refused).rejects.toThrow(/WRONGPASS/);
    await expect(refused).rejects.not.toThrow(CANARY);
    const right = await redisWorld({ url: `redis://:right@127.0.0.1:${server.port}` });
    onTestFinished(() => right.close());
    await (await right.open()).close();
  });

  test('the rights that the guide names are enough', async ({ onTestFinished }) => {
    const rights = ['~tandem:*', '&tandem:*', '+@all', '-@dangerous', '+info', '+role', '+wait'];
    const server = await startRedis({ args: ['--user', 'tandem', 'on', '>right', ...rights] });
    onTestFinished(() => server.stop());
    const world = await redisWorld({ url: server.url, username: 'tandem', password: 'right', keyPrefix: 'tandem:' });
    onTestFinished(() => world.close());
    const [a, b] = [await world.open('a'), await world.open('b')];
    onTestFinished(async () => {
      await Promise.all([a.close(), b.close()]);
    });
    const heard: string[] = [];
    b.provisioning.onChange?.(() => heard.push('provisioning'));
    b.bindings.onRemoteChange?.((aor) => heard.push(aor));
    await a.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')] }));
    await eventually(() => heard.includes('provisioning'));
    // Who has read what is registered is told what changes.
    await b.bindings.load();
    await a.bindings.write([{ aor: '101@acme', bindings: [binding('101@acme')] }]);
    await eventually(() => heard.includes('101@acme'));
    expect(await a.trunkLease.acquire('trunk 1', 1000)).toBe(true);
    a.nodes.announce(() => ({}));
    b.nodes.announce(() => ({}));
    await eventually(() => b.nodes.others().length === 1);
  });

  test('a port where nothing listens is named', async ({ onTestFinished }) => {
    const world = await redisWorld({ url: `redis://127.0.0.1:${await freePort()}` });
    onTestFinished(() => world.close());
    await expect(world.open()).rejects.toThrow(/ECONNREFUSED/);
  });
});

describe.skipIf(peersSkipped)('failover', () => {
  test('the master under Sentinels is killed: the node finds the new one by itself, no acknowledged commit is lost', async ({
    onTestFinished,
  }) => {
    const group = await startSentinels();
    onTestFinished(() => group.stop());
    const world = await redisWorld({ url: 'redis://sentinel', sentinel: { name: group.name, nodes: group.nodes } });
    const stores = await world.open();
    onTestFinished(async () => {
      await stores.close();
      await world.close();
    });
    for (let version = 0; version < 20; version++) {
      await stores.provisioning.commit(commitOf(version, { putTenants: [tenant(`t-${version}`)] }));
    }
    await group.master.kill();
    await eventually(() => stores.problems().includes('store-unreachable'), 10_000);
    await eventually(() => stores.problems().length === 0, 30_000);
    const { version, state } = await stores.provisioning.load();
    expect(state.tenants).toHaveLength(20);
    expect(await stores.provisioning.commit(commitOf(version, { putTenants: [tenant('after')] }))).toMatchObject({
      outcome: 'committed',
    });
  }, 60_000);

  test('a member of the Cluster is killed and restarted: the node recovers by itself in 3 s, nothing is lost', async ({
    onTestFinished,
  }) => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.stop());
    const world = await redisWorld({ url: cluster.url, cluster: true });
    const stores = await world.open();
    onTestFinished(async () => {
      await stores.close();
      await world.close();
    });
    await stores.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')] }));
    for (const server of cluster.servers) await server.kill();
    await eventually(() => stores.problems().includes('store-unreachable'), 10_000);
    for (const server of cluster.servers) await server.start();
    // The Cluster itself takes a moment to agree that it is whole.
    expect(await eventually(() => stores.problems().length === 0, 20_000)).toBeLessThan(6000);
    await eventually(async () => {
      const { version } = await stores.provisioning.load();
      return stores.provisioning.commit(commitOf(version, { putTenants: [tenant('after')] })).then(
        () => true,
        () => false,
      );
    });
    expect((await stores.provisioning.load()).state.tenants.map(({ name }) => name)).toEqual(['acme', 'after']);
  }, 60_000);
});
