import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { run } from '../../cli/kit.ts';
import { startEngineProcess } from '../../kit/engine-process.ts';
import { eventually } from '../../kit/eventually.ts';
import { faketimeLibrary } from '../../kit/faketime.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type Answer, SYSTEM_TOKEN } from '../faults/rest.ts';
import { apiOf, type Cluster, type ClusterNode, membersOf, startCluster } from './cluster.ts';

const ROUNDS = 40;

/** Changes that were asked for again. */
let refused = 0;
beforeEach(() => {
  refused = 0;
});

/** What a busy machine has Redis take more than a second for is refused, unwritten, with 503 and Retry-After: it is asked for again. */
async function decided(change: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    const answer = await change();
    if (answer.body?.code !== 'store-unavailable') return answer;
    refused++;
    if (tries === 8) throw new Error(`refused as store-unavailable ${tries} times, of all changes ${refused} times`);
    await pause(200);
  }
}

describe.skipIf(peersSkipped)('two engines on one Redis are provisioned at the same time', () => {
  let cluster: Cluster;
  let a: ClusterNode;
  let b: ClusterNode;
  const tokens: Record<string, string> = {};

  beforeAll(async () => {
    cluster = await startCluster(['127.0.0.21', '127.0.0.22'], {
      tenants: [
        { name: 'north', domain: 'north.test' },
        { name: 'south', domain: 'south.test' },
      ],
      trunks: [{ id: '1001', name: 'carrier', type: 'ip', host: '192.0.2.10' }],
    });
    [a, b] = cluster.nodes as [ClusterNode, ClusterNode];
    for (const tenant of ['north', 'south']) {
      const { body } = await a.ask('POST', '/api/v1/tokens', { role: 'tenant-admin', tenant });
      tokens[tenant] = body.token;
      const token = body.token as string;
      await eventually(
        'the other to know it',
        async () => (await b.ask('GET', '/api/v1/tenants', undefined, { token })).status === 200,
      );
    }
  }, 60_000);
  afterAll(() => cluster?.stop());

  test(`overlapping pools of two tenants, written through both at the same instant ${ROUNDS} times: exactly one is accepted`, async () => {
    const wonBy = { north: 0, south: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const first = 14_155_550_000 + round * 1000;
      const [north, south] = await Promise.all([
        decided(() => a.ask('PUT', '/api/v1/trunks/1001/tenants/north', { didPool: `${first}-${first + 599}` })),
        decided(() => b.ask('PUT', '/api/v1/trunks/1001/tenants/south', { didPool: `${first + 500}-${first + 999}` })),
      ]);
      const won = north.status === 200 ? 'north' : 'south';
      const lost = won === 'north' ? south : north;
      expect([north.status, south.status].toSorted()).toEqual([200, 409]);
      // The system admin is told with whom.
      expect(lost.body).toMatchObject({ code: 'pool-overlap', detail: expect.stringContaining(won) });
      wonBy[won]++;
      // Both nodes hold the same, and it is what was accepted.
      for (const node of [a, b]) {
        await eventually(`the accepted pool at ${node.name}`, async () => {
          const { body } = await node.ask('GET', '/api/v1/trunks/1001');
          const holders = (body.tenants as { tenant: string; didPool: unknown }[]).filter(({ didPool }) =>
            JSON.stringify(didPool).includes(String(first + (won === 'north' ? 0 : 500))),
          );
          return holders.length === 1 && holders[0]?.tenant === won && body.tenants.length === 1;
        });
      }
      expect((await a.ask('DELETE', `/api/v1/trunks/1001/tenants/${won}`)).status).toBe(204);
      await eventually(
        'the removal at the other node',
        async () => (await b.ask('GET', '/api/v1/trunks/1001')).body.tenants.length === 0,
      );
    }
    // Those of a slow Redis are few.
    expect(refused).toBeLessThan(ROUNDS / 2);
    console.log(`${ROUNDS} races: node 1 won ${wonBy.north}, node 2 won ${wonBy.south}`);
  }, 60_000);

  test('a tenant admin whose pool of its own trunk overlaps another tenant’s is told of the conflict, not with whom', async () => {
    for (let round = 0; round < 10; round++) {
      const write = (node: ClusterNode, tenant: string) =>
        node.ask(
          'POST',
          '/api/v1/trunks',
          {
            name: `own-${round}`,
            type: 'register',
            host: 'sip.provider.example.net',
            credentials: { authName: `${tenant}-${round}`, password: 'secret' },
            didPool: `4420710000${10 + round}`,
          },
          { token: tokens[tenant] },
        );
      const answers = await Promise.all([decided(() => write(a, 'north')), decided(() => write(b, 'south'))]);
      expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409]);
      const lost = answers[0].status === 409 ? answers[0] : answers[1];
      const other = lost === answers[0] ? 'south' : 'north';
      expect(lost.body.code).toBe('pool-overlap');
      expect(JSON.stringify(lost.body)).not.toContain(other);
    }
    expect(refused).toBeLessThan(5);
  }, 60_000);

  test('what is changed at one is seen at the other within 1 s, both ways, 20 times', async () => {
    let latestMs = 0;
    for (let round = 0; round < 20; round++) {
      const [from, to] = round % 2 === 0 ? [a, b] : [b, a];
      const number = String(200 + round);
      const made = await from.ask('POST', '/api/v1/tenants/north/extensions', { number, password: 'a good one' });
      expect(made.status).toBe(201);
      const acknowledgedAtMs = performance.now();
      await eventually('the extension at the other node', async () => {
        const askedAtMs = performance.now();
        const { status } = await to.ask('GET', `/api/v1/tenants/north/extensions/${number}`);
        // How long an answer takes on a busy machine says nothing: whoever asks after a second is told.
        if (status !== 200) latestMs = Math.max(latestMs, askedAtMs - acknowledgedAtMs);
        return status === 200;
      });
    }
    console.log(`a change is not seen at the other node until ${Math.round(latestMs)} ms at most`);
    expect(latestMs).toBeLessThan(1000);
  }, 30_000);

  test('two editors of one extension, one at each node, with the same ETag: one is served, the other gets 412', async () => {
    const extensions = '/api/v1/tenants/north/extensions';
    const path = `${extensions}/300`;
    expect((await a.ask('POST', extensions, { number: '300', password: 'a good one' })).status).toBe(201);
    for (let round = 0; round < 10; round++) {
      await eventually('one state at both', async () => {
        const [atA, atB] = await Promise.all([a.ask('GET', path), b.ask('GET', path)]);
        return atA.etag !== null && atA.etag === atB.etag;
      });
      const { etag } = await a.ask('GET', path);
      const edit = (node: ClusterNode) =>
        node.ask('PATCH', path, { name: `${node.name} ${round}` }, { headers: { 'if-match': etag ?? '' } });
      const answers = await Promise.all([edit(a), edit(b)]);
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 412]);
      expect(answers.find(({ status }) => status === 412)?.body.code).toBe('changed-meanwhile');
      const served = answers.find(({ status }) => status === 200);
      await eventually('the served edit at both', async () => {
        const names = await Promise.all([a, b].map(async (node) => (await node.ask('GET', path)).body.name));
        return names.every((name) => name === served?.body.name);
      });
    }
  }, 30_000);

  describe('what is wrong with the store and the nodes on it', () => {
    const folders: string[] = [];
    afterAll(() => {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    });

    const administrator = () => {
      const redis = new Redis(cluster.redis.url);
      onTestFinished(() => redis.disconnect());
      return redis;
    };

    /** A further node on the same Redis, with a folder of its own. */
    const another = (node: string, environment: NodeJS.ProcessEnv = {}) => {
      const path = mkdtempSync(join(tmpdir(), 'tandem-node-'));
      folders.push(path);
      const store = { kind: 'redis' as const, url: cluster.redis.url, path };
      return startEngineProcess({
        host: '127.0.0.23',
        provisioning: {},
        settings: { node, store },
        environment: { ...cluster.environment, ...environment },
      });
    };

    /** Every node says so while it takes calls, with a metric and a line of the log. */
    const bothSay = async (problem: string) => {
      for (const { ask, process, members } of [a, b]) {
        const said = async () => (await ask('GET', '/readyz')) as { status: number; body: { reasons: string[] } };
        // Each process of it.
        const sample = new RegExp(`^tandem_problem\\{[^}]*problem="${problem}"\\} 1$`, 'gm');
        const saying = async () => String((await ask('GET', '/metrics')).body).match(sample)?.length ?? 0;
        await eventually(problem, async () => (await saying()) === members.length);
        expect((await said()).body.reasons).toContain(problem);
        expect((await said()).status).toBe(200);
        await process.child.waitFor(new RegExp(`"event":"${problem}"`));
        // Known from memory, and nothing is changed.
        expect((await ask('GET', '/api/v1/tenants', undefined, { token: tokens['north'] })).status).toBe(200);
        for (const [path, body] of [
          ['/api/v1/tokens', { role: 'system-admin' }],
          ['/api/v1/tenants', { name: 'east', domain: 'east.test' }],
        ] as const)
          expect(await ask('POST', path, body)).toMatchObject({ status: 503, body: { code: 'store-unavailable' } });
      }
    };

    const bothAreWell = () =>
      eventually('both to be well', async () => {
        const answers = await Promise.all([a, b].map(({ ask }) => ask('GET', '/readyz')));
        return answers.every(({ body }) => body.reasons.length === 0);
      });

    test('a store that a newer program has taken over is named, and served on unchanged', async () => {
      const redis = administrator();
      const meta = 'tandem:{tandem}:meta';
      const schema = (await redis.hget(meta, 'schema')) ?? '';
      const isOld = () => redis.hset(meta, 'schema', schema);
      onTestFinished(async () => {
        await isOld();
      });
      await redis.hset(meta, 'schema', Number(schema) + 1);
      await bothSay('store-too-new');
      await expect(another('node-3')).rejects.toThrow(/\(store-too-new\)/);
      await isOld();
      await bothAreWell();
    }, 60_000);

    test('a Redis that comes back empty is not taken for the store: no node starts another there, and `tandem store restore` brings it back', async () => {
      await bothAreWell();
      const tenants = (await a.ask('GET', '/api/v1/tenants')).body;
      await administrator().flushall();
      await bothSay('store-replaced');
      await expect(another('node-3')).rejects.toThrow(/tandem store restore.*\(store-replaced\)/);
      const env = { TANDEM_URL: b.api, TANDEM_TOKEN: SYSTEM_TOKEN };
      expect(await run(['store', 'restore'], { env })).toMatchObject({ code: 0, err: '' });
      await bothAreWell();
      for (const { ask } of [a, b]) {
        expect((await ask('GET', '/api/v1/tenants')).body).toEqual(tenants);
        expect((await ask('GET', '/api/v1/tenants', undefined, { token: tokens['north'] })).status).toBe(200);
      }
      expect((await a.ask('POST', '/api/v1/tokens', { role: 'system-admin' })).status).toBe(201);
      expect(await run(['store', 'restore'], { env })).toMatchObject({ code: 1 });
    }, 60_000);

    test('a second node of one name does not start; one whose clock is five minutes off says so', async () => {
      await expect(another('node-1')).rejects.toThrow(/\(node-name-in-use\)/);
      const late = await another('node-3', {
        LD_PRELOAD: faketimeLibrary(),
        FAKETIME: '-300',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      });
      onTestFinished(() => late.stop());
      const env = { TANDEM_URL: apiOf(late), TANDEM_TOKEN: SYSTEM_TOKEN };
      await eventually('its status', async () => (await run(['status'], { env })).out.includes('ready: clock-off\n'));
      const { out } = await run(['status'], { env });
      expect(out).toContain(`, node ${membersOf('node-3')[0]}, at `);
      const everybody = [...a.members, ...b.members, ...membersOf('node-3')];
      await eventually('all nodes', async () =>
        (await run(['status'], { env })).out.includes(`${everybody.length} (${everybody.join(', ')})`),
      );
      await late.child.waitFor(/"event":"clock-off"/);
      expect((await a.ask('GET', '/readyz')).body.reasons).toEqual([]);
    }, 60_000);
  });
});
