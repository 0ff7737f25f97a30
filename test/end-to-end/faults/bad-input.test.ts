import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { type EngineOptions, startEngineProcess } from '../../kit/engine-process.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { startRedis } from '../../kit/redis.ts';
import { TEST_WORKERS } from '../../kit/test-workers.ts';
import { apiOf } from '../nodes/cluster.ts';
import { allWell, startCaller } from '../sipp.ts';
import { acme } from '../world.ts';
import { ask, SYSTEM_TOKEN } from './rest.ts';

const environment = { TANDEM_BOOTSTRAP_TOKEN: SYSTEM_TOKEN };

describe('what nobody should send to the HTTP interface of a running node', () => {
  let engine: TestEngine;
  let base: string;
  let northToken: string;
  const path = '/api/v1/tenants/acme/extensions/103';

  beforeAll(async () => {
    const provisioning = {
      tenants: [acme({ outboundRules: [], inboundRules: [] }), { name: 'north', domain: 'north.test' }],
    };
    engine = await startEngine({ provisioning, environment });
    base = engine.apiAddress;
    const { body } = await ask(base, 'POST', '/api/v1/tokens', { role: 'tenant-admin', tenant: 'north' });
    northToken = body.token;
  });
  afterAll(() => engine.stop());

  test('two edits at once with one ETag: one is served, the other is 412 and changes nothing', async () => {
    for (let round = 0; round < 20; round++) {
      const { etag } = await ask(base, 'GET', path);
      const edit = (name: string) => ask(base, 'PATCH', path, { name }, { headers: { 'if-match': etag ?? '' } });
      const answers = await Promise.all([edit(`first ${round}`), edit(`second ${round}`)]);
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 412]);
      expect(answers.find(({ status }) => status === 412)?.body.code).toBe('changed-meanwhile');
      const served = answers.find(({ status }) => status === 200);
      const now = await ask(base, 'GET', path);
      expect([now.body.name, now.etag]).toEqual([served?.body.name, served?.etag]);
    }
  });

  test('50 edits at once of one tenant without an ETag: every one that is acknowledged is there', async () => {
    const numbers = Array.from({ length: 50 }, (_, index) => String(500 + index));
    const answers = await Promise.all(
      numbers.map((number) => ask(base, 'POST', '/api/v1/tenants/acme/extensions', { number, password: 'a good one' })),
    );
    const acknowledged = numbers.filter((_, index) => answers[index]?.status === 201);
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
    const { body } = await ask(base, 'GET', '/api/v1/tenants/acme/extensions?limit=1000');
    const there = new Set((body.items as { number: string }[]).map(({ number }) => number));
    expect(acknowledged.filter((number) => !there.has(number))).toEqual([]);
  });

  test('a body of 10 MB is 413, from an admin and from nobody; the next request is served', async () => {
    const name = 'x'.repeat(10 * 1024 * 1024);
    expect(await ask(base, 'PATCH', path, { name })).toMatchObject({ status: 413, body: { code: 'body-too-large' } });
    for (let round = 0; round < 5; round++) {
      // Who has no token is told so, or is cut off, before it has sent everything.
      const stranger = await ask(base, 'PATCH', path, { name }, { token: 'nobody' }).catch(() => undefined);
      expect([undefined, 401, 413]).toContain(stranger?.status);
      const tenant = await ask(base, 'POST', '/api/v1/provisioning', { name }, { token: northToken }).catch(
        () => undefined,
      );
      expect([undefined, 403, 413]).toContain(tenant?.status);
    }
    expect((await ask(base, 'GET', path)).status).toBe(200);
  });

  test('an unknown field is refused with the nearest known name', async () => {
    const { status, body } = await ask(base, 'PATCH', path, { outboundCallerID: '14155550101' });
    expect(status).toBe(422);
    expect(body.errors).toEqual([
      {
        code: 'unknown-field',
        path: 'outboundCallerID',
        message: 'is no known field; did you mean "outboundCallerId"?',
      },
    ]);
    expect((await ask(base, 'GET', `${path}x`)).status).toBe(404);
  });

  test('no JSON, a reference to nothing and another tenant’s extension are refused with their codes', async () => {
    expect(await ask(base, 'PATCH', path, '{"name": ')).toMatchObject({
      status: 400,
      body: { code: 'malformed-json' },
    });
    const rule = { name: 'r', match: { prefixes: ['9'] }, routes: [{ trunk: 'nobody' }] };
    expect((await ask(base, 'POST', '/api/v1/tenants/acme/outbound-rules', rule)).status).toBe(422);
    expect((await ask(base, 'GET', path, undefined, { token: northToken })).status).toBe(404);
    expect((await ask(base, 'PATCH', path, { name: 'taken' }, { token: northToken })).status).toBe(404);
  });
});

describe('a start that cannot be', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-start-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const start = (store: NonNullable<EngineOptions['settings']>['store'] & object) =>
    startEngineProcess({
      provisioning: { tenants: [{ name: 'north', domain: 'north.test' }] },
      settings: { store },
      environment: { ...environment, TANDEM_STORE_KEY: '5a'.repeat(32) },
    });

  test('a store that a newer version wrote is refused, says so, and is left as it is', async () => {
    const path = join(folder, 'newer');
    const store = { kind: 'embedded' as const, path };
    const engine = await start(store);
    await engine.stop();
    const file = join(path, 'provisioning.db');
    const version = (set?: number) => {
      const database = new DatabaseSync(file);
      if (set !== undefined) database.exec(`PRAGMA user_version = ${set}`);
      const now = database.prepare('PRAGMA user_version').get()?.['user_version'];
      database.close();
      return now;
    };
    const own = Number(version());
    version(own + 1);
    await expect(start(store)).rejects.toThrow(/provisioning\.db: was written by a newer version of tandem/);
    expect(version()).toBe(own + 1);
    version(own);
    const again = await start(store);
    expect((await ask(apiOf(again), 'GET', '/api/v1/tenants/north')).status).toBe(200);
    await again.stop();
  }, 50_000);

  test.skipIf(peersSkipped)(
    'without Redis: refused with its address on a first start; from the last copy afterwards, and well once it is back',
    async () => {
      const port = await freePort();
      const store = { kind: 'redis' as const, url: `redis://127.0.0.1:${port}`, path: join(folder, 'redis') };
      await expect(start(store)).rejects.toThrow(
        new RegExp(`redis://127\\.0\\.0\\.1:${port}: .*ECONNREFUSED.*no copy to start from \\(store-unreachable\\)`),
      );

      const redis = await startRedis({ port });
      const first = await startEngineProcess({
        provisioning: { tenants: [] },
        settings: { store, provisioning: [] },
        environment: { ...environment, TANDEM_STORE_KEY: '5a'.repeat(32) },
      });
      try {
        const tenant = { name: 'south', domain: 'south.test' };
        expect((await ask(apiOf(first), 'POST', '/api/v1/tenants', tenant)).status).toBe(201);
        const phone = { number: '101', password: 'secret-101' };
        expect((await ask(apiOf(first), 'POST', '/api/v1/tenants/south/extensions', phone)).status).toBe(201);
        const copied = async (workers = TEST_WORKERS) => {
          const acknowledgedAtMs = Date.now();
          // On Redis workers are nodes, each with a folder of its own.
          const folders = TEST_WORKERS === 1 ? ['.'] : Array.from({ length: workers }, (_, n) => `worker-${n + 1}`);
          const copies = folders.map((each) => join(store.path, each, 'last-copy.json'));
          await eventually('the copy', () =>
            copies.every((copy) => existsSync(copy) && statSync(copy).mtimeMs > acknowledgedAtMs),
          );
        };
        await copied();
        const made = await ask(apiOf(first), 'POST', '/api/v1/tokens', { role: 'tenant-admin', tenant: 'south' });
        // Of a token whoever made it has a copy, or was shown it: the first worker.
        await copied(1);
        const keys = { user: '101', domain: 'south.test' };
        await allWell(await startCaller('phone-register', `127.0.0.1:${first.port}`, { keys }));
        const admin = new Redis(port, '127.0.0.1');
        await eventually(
          'the registration in Redis',
          async () => (await admin.exists('tandem:{tandem}:bindings')) === 1,
        );
        admin.disconnect();
        await redis.kill();
        await first.killAndRestart();
        expect(first.child.output()).toContain('"started-from-last-copy"');
        const own = { token: made.body.token };
        expect((await ask(apiOf(first), 'GET', '/api/v1/tenants/south', undefined, own)).status).toBe(200);
        expect((await ask(apiOf(first), 'GET', '/readyz')).body.reasons).toEqual(['store-unreachable']);
        expect(
          (await ask(apiOf(first), 'PATCH', '/api/v1/tenants/south', { outboundCallerId: '14155550100' })).status,
        ).toBe(503);
        await redis.start();
        await first.child.waitFor(/"store-reachable"/);
        await first.child.waitFor(/"registrations-restored"/);
        // The worker that is asked need not be the one that said so.
        await eventually(
          'the registration',
          async () => (await ask(apiOf(first), 'GET', '/api/v1/registrations')).body.total === 1,
        );
        expect(
          (await ask(apiOf(first), 'PATCH', '/api/v1/tenants/south', { outboundCallerId: '14155550100' })).status,
        ).toBe(200);

        // A newer version's store in Redis is refused as well.
        const newer = new Redis(port, '127.0.0.1');
        for (const key of await newer.keys('*:meta')) await newer.hincrby(key, 'schema', 1);
        newer.disconnect();
        await expect(start({ ...store, path: join(folder, 'other') })).rejects.toThrow(/newer version of tandem/);
      } finally {
        await first.stop();
        await redis.stop();
      }
    },
    50_000,
  );
});
