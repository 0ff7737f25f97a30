import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { silentLog } from '../../../src/base/log.ts';
import { WheelScheduler } from '../../../src/base/wheel-scheduler.ts';
import { LastCopy } from '../../../src/store/redis/last-copy.ts';
import { RedisLink } from '../../../src/store/redis/link.ts';
import { Sealer } from '../../../src/store/sealer.ts';
import { TestAuthority } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type RedisServer, startRedis } from '../../kit/redis.ts';
import { temporaryFolder } from '../kit.ts';
import { binding, certificate, commitOf, tenant, trunk, user, webhook } from '../records.ts';
import { eventually, type RedisWorld, redisWorld, STORE_KEY } from './world.ts';

const token = {
  id: 't1',
  role: 'system-admin' as const,
  hash: '$sha256$x',
  createdAt: '2026-11-21T00:00:00.000Z',
  createdBy: 'bootstrap',
};

describe.skipIf(peersSkipped)('the nodes of a Redis that has lost the store', () => {
  let server: RedisServer;
  let admin: Redis;
  let world: RedisWorld;

  beforeEach(async () => {
    server = await startRedis();
    admin = new Redis(server.port, '127.0.0.1');
    world = await redisWorld({ url: server.url });
    onTestFinished(async () => {
      admin.disconnect();
      await server.stop();
      await world.close();
    });
  });

  const open = async (node: string) => {
    const scheduler = new WheelScheduler();
    const stores = await world.open(node, scheduler);
    onTestFinished(async () => {
      await stores.close();
      scheduler.close();
    });
    stores.nodes.announce(() => ({}));
    return stores;
  };

  test('one of them writes its copy back: tenants, trunks, certificates, tokens, webhooks and the secret of nonces; all go on with it', async () => {
    const [a, b] = [await open('node-a'), await open('node-b')];
    await a.provisioning.commit(commitOf(0, { putTenants: [tenant('acme'), tenant('umbrella')] }));
    await a.provisioning.commit(
      commitOf(1, { putTrunks: [trunk('100000001')], putCertificates: [certificate('acme-stir')] }),
    );
    await a.tokens.put(token);
    await a.users.put(user('pat'));
    await a.webhooks.put(webhook('w1'));
    await expect(a.shared?.restore()).rejects.toThrow(/where it was/);
    const state = (await b.provisioning.load()).state;
    await b.bindings.load();
    const told: string[] = [];
    b.bindings.onRemoteChange?.((aor) => told.push(aor));
    await b.bindings.write([{ aor: '101@acme', bindings: [binding('101@acme')] }]);
    await admin.flushall();
    await eventually(() => [a, b].every((one) => one.problems().includes('store-replaced')));
    // Each tells of itself several times a second.
    await eventually(async () => (await admin.hlen(nodesKey())) === 2);
    await expect(open('node-c')).rejects.toMatchObject({
      problems: [{ code: 'store-replaced', message: expect.stringMatching(/node-a|node-b/) }],
    });
    await a.shared?.restore();
    await eventually(() => [a, b].every((one) => one.problems().length === 0));
    await eventually(() => told.includes('101@acme'));
    for (const one of [a, b, await open('node-c')]) {
      expect(await one.provisioning.load()).toEqual({ version: 3, state });
      expect(await one.tokens.list()).toEqual([token]);
      expect(await one.users.list()).toEqual([user('pat')]);
      expect(await one.webhooks.list()).toEqual([webhook('w1')]);
      expect(one.nonceSecret).toEqual(a.nonceSecret);
    }
    await b.provisioning.commit(commitOf(3, { deleteTenants: ['umbrella'] }));
    expect((await a.provisioning.load()).state.tenants.map(({ name }) => name)).toEqual(['acme']);
    await expect(b.shared?.restore()).rejects.toThrow(/where it was/);
  });

  test('all have the tokens of the copy that was written back, though no record was written since', async () => {
    const [a, b] = [await open('node-a'), await open('node-b')];
    await a.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')] }));
    await eventually(async () => (await b.provisioning.load()).version === 1);
    // From before records were counted; only one of the two has looked.
    const sealer = new Sealer(Buffer.from(STORE_KEY, 'hex'));
    const tokens = `${world.prefix}{${world.prefix.slice(0, -1)}}:tokens`;
    await admin.hset(tokens, token.id, sealer.sealJson(`tokens/${token.id}`, token));
    expect(await a.tokens.list()).toEqual([token]);
    const copied = () => LastCopy.read(world.folder('node-b'), sealer, silentLog)?.copy.tokens;
    expect(copied()).toEqual([]);
    await admin.flushall();
    await eventually(() => [a, b].every((one) => one.problems().includes('store-replaced')));
    await a.shared?.restore();
    await eventually(() => copied()?.length === 1);
  });

  test('one whose copy is older than another’s is told who has the later one; another store is not overwritten', async () => {
    const [a, b] = [await open('node-a'), await open('node-b')];
    await a.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')] }));
    await eventually(() => b.nodes.others().some(({ version }) => version === 1));
    await admin.flushall();
    await eventually(() => b.problems().includes('store-replaced') && b.nodes.others().length === 1);
    await expect(b.shared?.restore()).rejects.toThrow(/node-a has a later copy: version 1, here 0/);
    await admin.hset(`${world.prefix}{${world.prefix.slice(0, -1)}}:meta`, 'id', 'another');
    await expect(a.shared?.restore()).rejects.toThrow(/holds a store/);
  });

  describe('while one of them writes its copy back', () => {
    const named = (name: string) => `${world.prefix}{${world.prefix.slice(0, -1)}}:${name}`;
    /** A copy on its way back, which waits at its tenant, and at its certificate, for what happens there. */
    const restoring = async (at: Record<string, () => Promise<unknown>>) => {
      const a = await open('node-a');
      await a.provisioning.commit(
        commitOf(0, { putTenants: [tenant('acme')], putCertificates: [certificate('acme-stir')] }),
      );
      await admin.flushall();
      await eventually(() => a.problems().includes('store-replaced'));
      const { sealDocument } = Sealer.prototype;
      const spy = vi.spyOn(Sealer.prototype, 'sealDocument').mockImplementation(function* (
        this: Sealer,
        place,
        document,
      ) {
        let isOver = false;
        const happens = at[place] ?? (() => Promise.resolve());
        void happens().finally(() => {
          isOver = true;
        });
        while (!isOver) yield;
        return yield* sealDocument.call(this, place, document);
      });
      onTestFinished(() => spy.mockRestore());
      return a.shared?.restore();
    };

    test('no other begins, however long that takes', async () => {
      let lastsMs = 0;
      await restoring({
        'tenants/acme': () => admin.pexpire(named('restoring'), 10_000),
        'certificates/acme-stir': async () => {
          lastsMs = await admin.pttl(named('restoring'));
        },
      });
      expect(lastsMs).toBeGreaterThan(50_000);
      expect(await admin.exists(named('restoring'), named('meta'))).toBe(1);
    });

    test('one that has lost its lock all the same makes no store of what there is, and leaves the lock to the other', async () => {
      const others = () => admin.set(named('restoring'), 'another', 'PX', 60_000);
      await expect(restoring({ 'certificates/acme-stir': others })).rejects.toThrow(
        /another node restores the store by now/,
      );
      expect([await admin.get(named('restoring')), await admin.exists(named('meta'), named('certificates'))]).toEqual([
        'another',
        0,
      ]);
    });
  });

  test('a node whose name is taken by one that lives does not start; one whose predecessor was killed does', async () => {
    const a = await open('node-a');
    await eventually(async () => (await admin.hlen(nodesKey())) === 1);
    const other = redisWorld({ url: server.url, keyPrefix: world.prefix });
    const elsewhere = await other;
    onTestFinished(() => elsewhere.close());
    await expect(elsewhere.open('node-a')).rejects.toMatchObject({ problems: [{ code: 'node-name-in-use' }] });
    expect(a.problems()).toEqual([]);
    await a.close();
    // The line of a node that was killed a moment ago.
    await admin.hset(nodesKey(), 'node-a', `${Date.now()} {"beat":7}`);
    const again = await elsewhere.open('node-a');
    onTestFinished(() => again.close());
    again.nodes.announce(() => ({}));
    await new Promise((resolve) => setTimeout(resolve, 800));
    expect(again.problems()).not.toContain('node-name-in-use');
    // Two that met later, as when both started without Redis.
    await admin.hset(nodesKey(), 'node-a', `${Date.now()} {"beat":1,"instance":"other"}`);
    await eventually(() => again.problems().includes('node-name-in-use'));
  });

  test('a clock five minutes from that of Redis is told at the start and while it is so', async () => {
    let aheadMs = 300_000;
    const clock = {
      nowMs: () => performance.now(),
      wallMs: () => Date.now() + aheadMs,
      schedule: () => ({ cancel: () => {} }),
    };
    const a = await world.open('node-a', clock);
    onTestFinished(() => a.close());
    a.nodes.announce(() => ({}));
    await eventually(() => a.problems().includes('clock-off'));
    expect(Math.abs(a.nodes.clockOffsetMs - 300_000)).toBeLessThan(5_000);
    aheadMs = 0;
    await eventually(() => !a.problems().includes('clock-off'));
  });

  test('a newer program takes the store over under a running node: it says so and writes nothing', async () => {
    const a = await open('node-a');
    await admin.hset(`${world.prefix}{${world.prefix.slice(0, -1)}}:meta`, 'schema', 99);
    await eventually(() => a.problems().includes('store-too-new'));
    await expect(a.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')] }))).rejects.toThrow(/newer version/);
    await expect(a.tokens.put(token)).rejects.toThrow(/newer version/);
  });

  const nodesKey = () => `${world.prefix}{${world.prefix.slice(0, -1)}}:nodes`;
});

test.skipIf(peersSkipped)(
  'rediss:// with an address, an authority of one’s own and a client certificate; without them the start says why',
  async () => {
    const authority = new TestAuthority();
    const folder = temporaryFolder();
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const own = authority.issue({ commonName: 'redis', alternativeNames: ['IP:127.0.0.1'] });
    const ca = file('ca.pem', authority.certificate);
    const client = authority.issue({ commonName: 'node' });
    authority.remove();
    const port = await freePort();
    const server = await startRedis({
      args: [
        ...['--tls-port', String(port), '--tls-ca-cert-file', ca, '--tls-auth-clients', 'yes'],
        ...['--tls-cert-file', file('cert.pem', own.cert), '--tls-key-file', file('key.pem', own.key)],
      ],
    });
    onTestFinished(() => server.stop());
    const url = `rediss://127.0.0.1:${port}`;
    const tls = { ca, certificate: file('node.pem', client.cert), key: file('node.key', client.key) };
    const world = await redisWorld({ url, tls });
    onTestFinished(() => world.close());
    const stores = await world.open();
    onTestFinished(() => stores.close());
    await stores.provisioning.commit(commitOf(0, { putTenants: [tenant('acme')] }));
    expect(stores.problems()).toEqual([]);
    const plain = await redisWorld({ url: server.url, tls });
    onTestFinished(() => plain.close());
    await expect(plain.open()).rejects.toMatchObject({ problems: [{ code: 'store-tls' }] });
    for (const [settings, code, message] of [
      [undefined, 'store-unreachable', /certificate/],
      [{ ...tls, serverName: 'redis.example' }, 'store-unreachable', /redis\.example/],
      // On one line, without the numbers of OpenSSL.
      [{ ca }, 'store-unreachable', /^(?!.*SSL routines)[^\n]+; this node has no copy to start from$/],
      [{ ca: join(folder, 'missing.pem') }, 'store-tls', /missing\.pem/],
    ] as const) {
      const other = await redisWorld({ url, ...(settings === undefined ? {} : { tls: settings }) });
      onTestFinished(() => other.close());
      await expect(other.open()).rejects.toMatchObject({
        problems: [{ code, message: expect.stringMatching(message) }],
      });
    }
    const uncaught: unknown[] = [];
    const note = (error: unknown) => uncaught.push(error);
    process.on('uncaughtException', note);
    onTestFinished(() => void process.off('uncaughtException', note));
    const log = { warn() {}, info() {}, error() {}, debug() {} };
    const settings = { kind: 'redis' as const, url, cluster: false, keyPrefix: 'tandem:', path: folder };
    for (const trusted of [{}, { tls: { ...tls, serverName: 'redis.example' } }]) {
      const links = Array.from({ length: 30 }, () => new RedisLink({ ...settings, ...trusted }, { log }));
      for (const link of links) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        link.close();
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(uncaught, 'errors of handshakes that were given up').toEqual([]);
  },
  30_000,
);
