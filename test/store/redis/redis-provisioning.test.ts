import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { checkProvisioning } from '../../../src/provisioning/check/provisioning.ts';
import type { Stores } from '../../../src/store/index.ts';
import { keysOf } from '../../../src/store/redis/keys.ts';
import { LastCopy } from '../../../src/store/redis/last-copy.ts';
import { RedisLink } from '../../../src/store/redis/link.ts';
import { RedisProvisioning } from '../../../src/store/redis/redis-provisioning.ts';
import { Replicas } from '../../../src/store/redis/replicas.ts';
import { COMMIT, STILL_COMMITTED } from '../../../src/store/redis/scripts.ts';
import { Sealer } from '../../../src/store/sealer.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type RedisServer, startRedis, startSentinels } from '../../kit/redis.ts';
import { RecordingLog } from '../../sip/transport/recorder.ts';
import { certificate, commitOf, tenant, trunk } from '../records.ts';
import { eventually, type RedisWorld, redisWorld, STORE_KEY } from './world.ts';

/** Everything of the provisioning, as Redis has it. */
type Kept = readonly (readonly [key: string, dump: Buffer])[];

const KINDS = [
  'meta',
  'events',
  'tenants',
  'tenants:order',
  'trunks',
  'trunks:order',
  'certificates',
  'certificates:order',
];

describe.skipIf(peersSkipped)('Redis has lost changes that nodes have seen', () => {
  let server: RedisServer;
  let admin: Redis;
  let world: RedisWorld;
  let log: RecordingLog;

  beforeAll(async () => {
    server = await startRedis();
    admin = new Redis(server.port, '127.0.0.1');
  });
  afterAll(async () => {
    admin.disconnect();
    await server.stop();
  });
  beforeEach(async () => {
    log = new RecordingLog();
    world = await redisWorld({ url: server.url }, log);
    onTestFinished(() => world.close());
  });

  const open = async (name: string): Promise<Stores> => {
    const stores = await world.open(name);
    onTestFinished(() => stores.close());
    // As the engine does.
    stores.provisioning.onChange?.(() => void stores.provisioning.load().catch(() => {}));
    return stores;
  };
  const key = (kind: string) => `${world.prefix}{${world.prefix.slice(0, -1)}}:${kind}`;
  const kept = async (): Promise<Kept> => {
    const dumps = await Promise.all(KINDS.map(async (kind) => [key(kind), await admin.dumpBuffer(key(kind))] as const));
    return dumps.flatMap(([name, dump]) => (dump === null ? [] : [[name, dump] as const]));
  };
  /** As the one is that follows, in one step. */
  const fallBackTo = async (dumps: Kept) => {
    const step = admin.multi().del(...KINDS.map(key));
    for (const [name, dump] of dumps) step.restore(name, 0, dump);
    await step.exec();
  };
  const tenantsOf = async (stores: Stores) =>
    (await stores.provisioning.load()).state.tenants.map(({ name, extensions }) => `${name}: ${extensions[0]?.name}`);
  const said = (event: string) => log.lines.filter((line) => line.event === event).map(({ fields }) => fields);

  test('they are put back, once, and every node has them, and one that starts then', async () => {
    const [a, b] = [await open('a'), await open('b')];
    const puts = { putTenants: [tenant('old'), tenant('gone')], putCertificates: [certificate('c1')] };
    await a.provisioning.commit(commitOf(0, puts));
    await eventually(async () => (await b.provisioning.load()).version === 1);
    const before = await kept();
    await a.provisioning.commit(commitOf(1, { putTenants: [tenant('new')], putTrunks: [trunk('100000001')] }));
    await a.provisioning.commit(commitOf(2, { deleteTenants: ['gone'], deleteCertificates: ['c1'] }));
    const { state } = await a.provisioning.load();
    await eventually(async () => (await b.provisioning.load()).version === 3);
    await fallBackTo(before);
    await eventually(async () => (await admin.hget(key('meta'), 'version')) === '4');
    for (const node of [a, b, await open('c')]) {
      await eventually(async () => (await node.provisioning.load()).version === 4);
      expect((await node.provisioning.load()).state).toEqual(state);
    }
    expect(said('changes-put-back')).toEqual([{ count: 2, overtaken: 0, version: 4 }]);
    expect(await b.provisioning.commit(commitOf(4, { putTenants: [tenant('next')] }))).toMatchObject({ version: 5 });
    await eventually(async () => (await a.provisioning.load()).version === 5);
  });

  test('they are put back again when it loses that as well', async () => {
    const a = await open('a');
    await a.provisioning.commit(commitOf(0, { putTenants: [tenant('old')] }));
    const before = await kept();
    await a.provisioning.commit(commitOf(1, { putTenants: [tenant('new')] }));
    for (const version of [3, 4]) {
      await fallBackTo(before);
      await eventually(async () => (await a.provisioning.load()).version === version);
    }
    expect(await tenantsOf(await open('b'))).toEqual(['old: Alice', 'new: Alice']);
  });

  describe('and has others since, under the same number', () => {
    type Parts = Parameters<typeof commitOf>[1];
    const begin = async (theirs: Parts | Parts[], mine: Parts, base: Parts = { putTenants: [tenant('old')] }) => {
      const other = await open('other');
      await other.provisioning.commit(commitOf(0, base));
      const before = await kept();
      for (const [at, parts] of [theirs].flat().entries()) await other.provisioning.commit(commitOf(1 + at, parts));
      const since = await kept();
      await other.close();
      await fallBackTo(before);
      const node = await open('node');
      await node.provisioning.commit(commitOf(1, mine));
      await fallBackTo(since);
      return node;
    };

    test('both are there', async () => {
      const node = await begin({ putTenants: [tenant('theirs')] }, { putTenants: [tenant('mine')] });
      await eventually(async () => (await node.provisioning.load()).version === 3);
      expect(await tenantsOf(node)).toEqual(['old: Alice', 'theirs: Alice', 'mine: Alice']);
      expect(await tenantsOf(await open('third'))).toEqual(['old: Alice', 'theirs: Alice', 'mine: Alice']);
    });

    test('what both have changed stays as it was changed since, and the node says so', async () => {
      const mine = { putTenants: [tenant('same', 'Mine'), tenant('mine')] };
      const node = await begin({ putTenants: [tenant('same', 'Theirs')] }, mine);
      await eventually(async () => (await node.provisioning.load()).version === 3);
      expect(await tenantsOf(node)).toEqual(['old: Alice', 'same: Theirs', 'mine: Alice']);
      const names = ['tenant same'];
      expect(said('changes-put-back')).toEqual([{ count: 1, overtaken: 1, names, version: 3 }]);
    });

    test('all that was lost is overtaken, and more has been changed since: the node takes what is there, and says so', async () => {
      const theirs = [{ putTenants: [tenant('same', 'Theirs')] }, { putTenants: [tenant('more')] }];
      const node = await begin(theirs, { putTenants: [tenant('same', 'Mine')] });
      await eventually(async () => (await node.provisioning.load()).version === 3);
      expect(await tenantsOf(node)).toEqual(['old: Alice', 'same: Theirs', 'more: Alice']);
      const names = ['tenant same'];
      expect(said('changes-overtaken')).toEqual([{ count: 1, overtaken: 1, names, version: 3 }]);
    });

    /** What every node has in the end, and one that starts then; no rule is broken by it. */
    const agreed = async (node: Stores, version: number) => {
      await eventually(async () => (await node.provisioning.load()).version === version);
      const { state } = await node.provisioning.load();
      expect((await (await open('third')).provisioning.load()).state).toEqual(state);
      expect(checkProvisioning(state)).toEqual([]);
      return { tenants: state.tenants.map(({ name }) => name), trunks: state.trunks.map(({ id }) => id) };
    };
    const own = (id: string, owner: string, didPool = '15550001-15550009') => ({ ...trunk(id), owner, didPool });

    test('a trunk does not go to the tenant that has the name of its own, which was deleted since', async () => {
      const theirs = [{ deleteTenants: ['acme'] }, { putTenants: [tenant('acme', 'Somebody else')] }];
      const base = { putTenants: [tenant('old'), tenant('acme')] };
      const node = await begin(theirs, { putTrunks: [own('100000001', 'acme')] }, base);
      expect(await agreed(node, 3)).toEqual({ tenants: ['old', 'acme'], trunks: [] });
      const names = ['trunk 100000001'];
      expect(said('changes-overtaken')).toEqual([{ count: 1, overtaken: 1, names, version: 3 }]);
    });

    test('a trunk does not go to a tenant that both have made anew', async () => {
      const mine = { putTenants: [tenant('acme')], putTrunks: [own('100000001', 'acme')] };
      const node = await begin({ putTenants: [tenant('acme', 'Somebody else')] }, mine);
      expect(await agreed(node, 3)).toEqual({ tenants: ['old', 'acme'], trunks: [] });
    });

    test('a tenant that was deleted stays when a trunk was made for it since, with all that it had', async () => {
      const base = { putTenants: [tenant('old'), tenant('acme')], putTrunks: [own('100000001', 'acme')] };
      const mine = { deleteTenants: ['acme'], deleteTrunks: ['100000001'], putTenants: [tenant('mine')] };
      const theirs = { putTrunks: [own('100000002', 'acme', '15550010')] };
      const node = await begin(theirs, mine, base);
      const trunks = ['100000001', '100000002'];
      expect(await agreed(node, 3)).toEqual({ tenants: ['old', 'acme', 'mine'], trunks });
      const names = ['tenant acme', 'trunk 100000001'];
      expect(said('changes-put-back')).toEqual([{ count: 1, overtaken: 2, names, version: 3 }]);
    });

    test('a tenant whose domain another one has taken since stays away, and its trunk; the rest goes back', async () => {
      const one = { ...tenant('one'), domain: 'pbx.example.com' };
      const mine = { putTenants: [one, tenant('mine')], putTrunks: [own('100000001', 'one')] };
      const node = await begin({ putTenants: [{ ...tenant('two'), domain: 'pbx.example.com' }] }, mine);
      expect(await agreed(node, 3)).toEqual({ tenants: ['old', 'two', 'mine'], trunks: [] });
      const names = ['tenant one', 'trunk 100000001'];
      expect(said('changes-put-back')).toEqual([{ count: 1, overtaken: 2, names, version: 3 }]);
    });

    test('a trunk whose numbers another tenant has taken since, at the same provider, stays away', async () => {
      const base = { putTenants: [tenant('acme'), tenant('beta')] };
      const mine = { putTrunks: [own('100000001', 'acme')] };
      const node = await begin({ putTrunks: [own('100000002', 'beta')] }, mine, base);
      expect(await agreed(node, 3)).toEqual({ tenants: ['acme', 'beta'], trunks: ['100000002'] });
    });
  });

  describe('and a node starts from its last copy, which has them', () => {
    /** Node `a` has version 2 when it ends; Redis falls back to 1 and goes on with `theirs`. */
    const begin = async (theirs: Parameters<typeof commitOf>[1][]) => {
      const a = await open('a');
      await a.provisioning.commit(commitOf(0, { putTenants: [tenant('base')] }));
      const before = await kept();
      await a.provisioning.commit(commitOf(1, { putTenants: [tenant('base', 'Lost')] }));
      await a.close();
      await fallBackTo(before);
      const b = await open('b');
      for (const [at, parts] of theirs.entries()) await b.provisioning.commit(commitOf(1 + at, parts));
      return b;
    };
    const other = { putTenants: [tenant('other')] };
    const third = { putTenants: [tenant('third')] };

    test('another one has the number of its last: it takes what is there, says so, and goes on with the others', async () => {
      const b = await begin([other]);
      const again = await open('a');
      await eventually(async () => (await b.provisioning.load()).version === 3);
      expect(await tenantsOf(again)).toEqual(['base: Alice', 'other: Alice']);
      expect(said('changes-lost')).toEqual([{ known: 2, found: 2 }]);
      await b.provisioning.commit(commitOf(3, third));
      await eventually(async () => (await again.provisioning.load()).version === 4);
      expect(await tenantsOf(again)).toEqual(['base: Alice', 'other: Alice', 'third: Alice']);
    });

    test('and more has come since: the same', async () => {
      await begin([other, third]);
      expect(await tenantsOf(await open('a'))).toEqual(['base: Alice', 'other: Alice', 'third: Alice']);
      expect(said('changes-lost')).toEqual([{ known: 2, found: 3 }]);
    });

    test('a copy of the program before, which says no change: everything is read anew', async () => {
      await begin([other]);
      const sealer = new Sealer(Buffer.from(STORE_KEY, 'hex'));
      const left = LastCopy.read(world.folder('a'), sealer, log)?.copy;
      if (left === undefined) throw new Error('no copy');
      expect(left.provisioned.version).toBe(2);
      const before = new LastCopy(world.folder('a'), sealer, log, () => ({ ...left, changeToken: undefined }));
      before.changed();
      await before.flush();
      expect(await tenantsOf(await open('a'))).toEqual(['base: Alice', 'other: Alice']);
    });
  });

  test('a change that was made of one of them is not done of another one with its number', async () => {
    const [a, b] = [await world.open('a'), await open('b')];
    onTestFinished(() => a.close());
    await b.provisioning.commit(commitOf(0, { putTenants: [tenant('old')] }));
    await a.provisioning.load();
    const before = await kept();
    await b.provisioning.commit(commitOf(1, { putTenants: [tenant('theirs')] }));
    const since = await kept();
    await b.close();
    await fallBackTo(before);
    await a.provisioning.commit(commitOf(1, { putTenants: [tenant('mine')] }));
    await fallBackTo(since);
    expect(await a.provisioning.commit(commitOf(2, { putTenants: [tenant('next')] }))).toEqual({ outcome: 'stale' });
    expect(await tenantsOf(a)).toEqual(['old: Alice', 'theirs: Alice', 'mine: Alice']);
  });

  test('a change that is gone, and Redis says nothing more: it is refused with the reason, after 2 s', async () => {
    const { id } = (await open('a')).shared ?? { id: '' };
    class FallingBack extends RedisLink {
      override async runLong(...call: Parameters<RedisLink['runLong']>): Promise<unknown> {
        const answer = await super.runLong(...call);
        if (call[0] === COMMIT) await admin.del(key('events'));
        return answer;
      }

      override async run(...call: Parameters<RedisLink['run']>): Promise<unknown> {
        const answer = await super.run(...call);
        if (call[0] === STILL_COMMITTED) server.child().signal('SIGSTOP');
        return answer;
      }
    }
    const settings = { kind: 'redis', url: server.url, cluster: false, keyPrefix: world.prefix, path: '' } as const;
    const link = new FallingBack(settings, { log, commandTimeoutMs: 60_000 });
    onTestFinished(() => {
      link.close();
      server.child().signal('SIGCONT');
    });
    await link.ready(5000);
    const provisioning = new RedisProvisioning({
      ...{ link, keys: keysOf(world.prefix), sealer: new Sealer(Buffer.from(STORE_KEY, 'hex')), storeId: id, log },
      ...{ replicas: new Replicas(link, log), refusal: () => undefined, onState: () => {} },
    });
    const startedAtMs = performance.now();
    const refused = provisioning.commit(commitOf(0, { putTenants: [tenant('new')] }));
    await expect(refused).rejects.toThrow('may be there all the same');
    expect(performance.now() - startedAtMs).toBeLessThan(3500);
  });

  test('of which nobody knows any more since when: nodes take what it has, move past it, and say so', async () => {
    const a = await open('a');
    await a.provisioning.commit(commitOf(0, { putTenants: [tenant('old')] }));
    const before = await kept();
    await a.provisioning.commit(commitOf(1, { putTenants: [tenant('new')] }));
    await a.close();
    const again = await open('a');
    await fallBackTo(before.filter(([name]) => name !== key('events')));
    await admin.hdel(key('meta'), 'commit');
    await eventually(async () => (await again.provisioning.load()).version === 3);
    expect(await tenantsOf(again)).toEqual(['old: Alice']);
    expect(said('changes-lost')).toEqual([{ known: 2, found: 1 }]);
  });
});

describe.skipIf(peersSkipped)('a failover', { concurrent: true }, () => {
  const begin = async (onTestFinished: (end: () => Promise<void>) => void) => {
    const group = await startSentinels();
    onTestFinished(() => group.stop());
    const world = await redisWorld({ url: 'redis://sentinel', sentinel: { name: group.name, nodes: group.nodes } });
    const stores = await world.open();
    stores.provisioning.onChange?.(() => void stores.provisioning.load().catch(() => {}));
    onTestFinished(async () => {
      await stores.close();
      await world.close();
    });
    const failOver = async () => {
      await group.master.kill();
      await group.replica.start();
      await eventually(() => stores.problems().includes('store-unreachable'), 10_000);
      // Sentinels that were held up for 2 s do nothing for 30 s.
      await eventually(() => stores.problems().length === 0, 75_000);
    };
    const namesIn = async (port: number) => {
      const client = new Redis(port, '127.0.0.1');
      const [found = ''] = await client.keys('*:tenants');
      const names = found === '' ? [] : await client.hkeys(found);
      client.disconnect();
      return names.toSorted();
    };
    return { group, stores, failOver, namesIn };
  };

  test('that loses what was acknowledged with a warning, since no replica had it: the new master is given it', async ({
    onTestFinished,
  }) => {
    const { group, stores, failOver, namesIn } = await begin(onTestFinished);
    await stores.provisioning.commit(commitOf(0, { putTenants: [tenant('old')] }));
    // A commit waits 0.3 s for it: on a busy machine the replica that is killed might not even have the store.
    await eventually(async () => (await namesIn(group.replica.port)).length === 1, 10_000);
    await group.replica.kill();
    await stores.provisioning.commit(commitOf(1, { putTenants: [tenant('new')] }));
    await failOver();
    await eventually(async () => (await namesIn(group.replica.port)).length === 2, 10_000);
    expect(await namesIn(group.replica.port)).toEqual(['new', 'old']);
    expect((await stores.provisioning.load()).state.tenants).toHaveLength(2);
  }, 120_000);

  test('while a commit waits for a replica: one that is acknowledged is with the new master in the end', async ({
    onTestFinished,
  }) => {
    const { group, stores, failOver, namesIn } = await begin(onTestFinished);
    await stores.provisioning.commit(commitOf(0, { putTenants: [tenant('old')] }));
    // A commit waits 0.3 s for it: on a busy machine the replica that is killed might not even have the store.
    await eventually(async () => (await namesIn(group.replica.port)).length === 1, 10_000);
    await group.replica.kill();
    const outcome = stores.provisioning.commit(commitOf(1, { putTenants: [tenant('new')] })).then(
      (result) => result.outcome,
      () => 'rejected',
    );
    await pause(60);
    await failOver();
    const said = await outcome;
    const served = async () => (await stores.provisioning.load()).state.tenants.map(({ name }) => name).toSorted();
    const isSame = async () => String(await served()) === String(await namesIn(group.replica.port));
    await eventually(isSame, 10_000);
    expect([said, await served()]).not.toEqual(['committed', ['old']]);
  }, 120_000);
});
