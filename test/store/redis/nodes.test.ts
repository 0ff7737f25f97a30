import { execPath } from 'node:process';
import { setTimeout as pauseMs } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { WheelScheduler } from '../../../src/base/wheel-scheduler.ts';
import { CallsForgotten, CallsTaken, type SharedCalls } from '../../../src/call/index.ts';
import type { StoredBinding, StoredRemoval } from '../../../src/registrar/ports.ts';
import type { Stores } from '../../../src/store/index.ts';
import { BEGIN_CALLS, RELEASE_CALLS, TAKE_CALLS, WRITE_CALLS } from '../../../src/store/redis/call-scripts.ts';
import { ADD_TALLIES } from '../../../src/store/redis/scripts.ts';
import { startChild } from '../../kit/child.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type RedisServer, startRedis } from '../../kit/redis.ts';
import { callsElsewhere } from '../kit.ts';
import { binding, commitOf, tenant, trunk, webhook } from '../records.ts';
import { eventually, type RedisWorld, redisWorld, STORE_KEY } from './world.ts';

/** Of a write of node-a. */
const WRITE_KEYS = ['calls:node-a', 'calls:alive', 'calls:whole', 'calls:over', 'calls:order', 'calls:node-a:taken'];

describe.skipIf(peersSkipped)('several nodes on one Redis', () => {
  let server: RedisServer;
  let admin: Redis;
  let world: RedisWorld;
  let a: Stores;
  let b: Stores;

  beforeAll(async () => {
    server = await startRedis();
    admin = new Redis(server.port, '127.0.0.1');
  });
  afterAll(async () => {
    admin.disconnect();
    await server.stop();
  });
  beforeEach(async () => {
    world = await redisWorld({ url: server.url });
    [a, b] = [await world.open('node-a'), await world.open('node-b')];
    onTestFinished(async () => {
      await Promise.all([a.close(), b.close()]);
      await world.close();
    });
  });

  const opened = async (node: string): Promise<Stores> => {
    const stores = await world.open(node);
    onTestFinished(() => stores.close());
    return stores;
  };

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

  const key = (name: string) => `${world.prefix}{${world.prefix.slice(0, -1)}}:${name}`;

  test('a node knows when the store heard of it last, when it was found away, and whether it is there', async () => {
    const scheduler = new WheelScheduler();
    const node = await world.open('node-c', scheduler);
    onTestFinished(() => node.close());
    const heard = () => node.calls.shared?.heard() ?? { atMs: 0, missedAtMs: 0, contact: undefined };
    expect(heard().missedAtMs).toBe(Number.NEGATIVE_INFINITY);
    node.nodes.announce(() => ({}));
    await eventually(async () => heard().atMs > 0);
    expect(heard().contact).toBe('reached');
    server.child().signal('SIGSTOP');
    await eventually(async () => heard().missedAtMs > heard().atMs);
    expect(heard().contact).toBe('silent');
    server.child().signal('SIGCONT');
    await eventually(async () => heard().atMs > heard().missedAtMs);
    await server.kill();
    await eventually(async () => heard().missedAtMs > heard().atMs && heard().contact === 'refused');
    await server.start();
    await eventually(async () => heard().atMs > heard().missedAtMs);
  });

  test('calls whose way here took too long, so that the answer was lost, are found again', async () => {
    await a.calls.write({ put: [{ id: 'one', document: '{}' }], remove: [], aliveAtMs: 7 });
    await b.calls.write({ put: [{ id: 'own', document: '{}' }], remove: [], aliveAtMs: 7 });
    // Redis has the script from now on.
    expect(await b.calls.shared?.take('nobody', 1)).toEqual([]);
    await pauseMs(5);
    server.child().signal('SIGSTOP');
    const lost = b.calls.shared?.take('node-a', 1);
    await expect(lost).rejects.toThrow(/timed out/);
    server.child().signal('SIGCONT');
    await eventually(async () => ((await b.calls.shared?.holders().catch(() => [])) ?? []).length > 0);
    expect(await names(b.calls.shared)).toEqual(['node-b']);
    expect(await b.calls.shared?.take('node-b', 1)).toEqual([{ id: 'one', document: '{}' }]);
    expect(await names(b.calls.shared)).toEqual([]);
  });

  test('the calls of a node that has ended are one other node’s: taken in steps, by each once, and only from who is silent', async () => {
    const put = Array.from({ length: 1_500 }, (_, index) => ({ id: `call-${index}`, document: `{"n":${index}}` }));
    await a.calls.write({ put, remove: [], aliveAtMs: 7 });
    const [one, other] = [b.calls.shared, (await opened('node-c')).calls.shared];
    const [held] = (await one?.holders()) ?? [];
    expect(held?.name).toBe('node-a');
    // It has just written.
    expect(held?.silentMs).toBeLessThan(60_000);
    expect(await one?.take('node-a', 60_000)).toBe('alive');
    await pauseMs(5);
    const taken: string[] = [];
    const all = async (by: typeof one) => {
      for (;;) {
        const calls = await by?.take('node-a', 1);
        if (!Array.isArray(calls) || calls.length === 0) return;
        taken.push(...calls.map(({ id }) => id));
      }
    };
    await Promise.all([all(one), all(other)]);
    expect(taken.toSorted()).toEqual(put.map(({ id }) => id).toSorted());
    expect(await names(one)).not.toContain('node-a');
    expect((await a.calls.load()).calls).toEqual([]);
  });

  test('a node that was taken for dead is told so once, and writes nothing that is another’s', async () => {
    const call = (id: string) => ({ id, document: '{}' });
    await a.calls.write({ put: [call('old')], remove: [], aliveAtMs: 7 });
    await pauseMs(5);
    expect(await b.calls.shared?.take('node-a', 1)).toEqual([call('old')]);
    // Nor does it take calls before it knows.
    expect(await a.calls.shared?.take('node-b', 0)).toBe('alive');
    await expect(a.calls.write({ put: [call('old')], remove: [], aliveAtMs: 8 })).rejects.toThrow(CallsTaken);
    await a.calls.write({ put: [call('new')], remove: [], aliveAtMs: 9 });
    expect((await a.calls.load()).calls).toEqual([call('new')]);
    expect((await b.calls.load()).calls).toEqual([call('old')]);
  });

  describe('a node that goes on while another one takes its calls', () => {
    const put = Array.from({ length: 1_000 }, (_, index) => ({ id: `call-${index}`, document: `{"n":${index}}` }));
    const tokens = async (node: string) => (await admin.hkeys(key(`calls:${node}`))).sort();
    const step = async (by = b): Promise<string[]> => {
      const taken = await by.calls.shared?.take('node-a', 20);
      return Array.isArray(taken) ? taken.map(({ id }) => id).sort() : [];
    };
    const told = async (ids: string[] = []): Promise<string[]> => {
      const error: unknown = await a.calls
        .write({ put: put.filter(({ id }) => ids.includes(id)), remove: [], aliveAtMs: 8 })
        .catch((thrown: unknown) => thrown);
      return error instanceof CallsTaken ? [...error.taken].sort() : [];
    };

    beforeEach(async () => {
      await a.calls.write({ put, remove: [], aliveAtMs: 7 });
      await pauseMs(25);
    });

    test('forgets those that were taken, and keeps the rest, of which no more are taken', async () => {
      const taken = await step();
      expect(taken.length).toBeGreaterThan(0);
      expect(taken.length).toBeLessThan(1_000);
      expect(await told()).toEqual(taken);
      expect(await b.calls.shared?.take('node-a', 60_000)).toBe('alive');
      expect(await told()).toEqual([]);
      expect(await tokens('node-b')).toEqual(taken);
      const rest = put.map(({ id }) => id).filter((id) => !taken.includes(id));
      expect(await tokens('node-a')).toEqual(rest.sort());
      expect(await b.calls.fate({ id: rest[0] ?? '', process: 'p', answeredAtMs: 1 })).toBe('elsewhere');
    });

    test('is told again when more of them are taken before it has written, whoever takes them', async () => {
      const first = await step();
      expect(await told()).toEqual(first);
      await pauseMs(25);
      const second = await step(await opened('node-c'));
      expect(second.length).toBeGreaterThan(0);
      expect(await told()).toEqual(second);
      expect(await told()).toEqual([]);
      await pauseMs(25);
      const third = await step();
      expect(await told()).toEqual(third);
      expect(await told()).toEqual([]);
    });

    test('forgets none that nobody has taken, whatever Redis has of it: a first write that was lost, or one that Redis has lost', async () => {
      await told([]);
      await admin.del(key('calls:node-a'));
      await pauseMs(25);
      expect(await step()).toEqual([]);
      // None of these is anywhere.
      expect(await told(['call-1', 'call-2'])).toEqual([]);
      await a.calls.write({ put, remove: [], aliveAtMs: 8 });
      await pauseMs(25);
      const taken = await step();
      expect(await told()).toEqual(taken);
    });

    test('forgets those that whoever took them has ended, placed again as others, or lost to a third', async () => {
      const taken = await step();
      const [ended, ...rest] = taken as [string, ...string[]];
      await b.calls.write({ put: [], remove: [ended], aliveAtMs: 8 });
      await pauseMs(25);
      const third = await opened('node-c');
      for (let step = 1; step > 0; ) step = (await third.calls.shared?.take('node-b', 20))?.length ?? 0;
      expect(await tokens('node-c')).toEqual(rest);
      expect(await told()).toEqual(taken);
    });

    test('does not forget again what it has taken back', async () => {
      const taken = await step();
      expect(await told()).toEqual(taken);
      await pauseMs(25);
      const back: string[] = [];
      for (let got: readonly { id: string }[] | 'alive' = [{ id: '' }]; got.length > 0; ) {
        got = (await a.calls.shared?.take('node-b', 20)) ?? [];
        if (Array.isArray(got)) back.push(...got.map(({ id }) => id));
      }
      expect(back.sort()).toEqual(taken);
      await pauseMs(25);
      const again = await step(await opened('node-c'));
      expect(again.length).toBeLessThan(1_000);
      expect(await told()).toEqual(again);
    });

    test('a day later, when nothing says any more which they were, forgets all but those that are left', async () => {
      const taken = await step();
      expect(await admin.ttl(key('calls:node-a:taken'))).toBeGreaterThan(86_000);
      await admin.del(key('calls:node-a:taken'));
      expect(await told(['call-0'])).toEqual(taken);
    });

    /** As a node of an earlier version does, which notes nothing. */
    const unnoted = async (count: number): Promise<string[]> => {
      const ids = (await tokens('node-a')).slice(0, count);
      await admin.hset(key('calls:node-b'), Object.fromEntries(ids.map((id) => [id, '{}'])));
      await admin.hdel(key('calls:node-a'), ...ids);
      const [wall, instance = ''] = (await admin.hget(key('calls:alive'), 'node-a'))?.split(' ') ?? [];
      await admin.hset(key('calls:alive'), { 'node-a': `${wall} -${instance.replace(/^-/, '')} 0` });
      return ids;
    };

    test.each([
      ['before', async () => [...(await unnoted(300)), ...(await step())]],
      ['after', async () => [...(await step()), ...(await unnoted(300))]],
      ['between', async () => [...(await step()), ...(await unnoted(300)), ...(await step(await opened('node-c')))]],
    ])('forgets those too that somebody has taken without a note, %s others', async (_when, take) => {
      const taken = await take();
      expect(taken.length).toBeGreaterThan(300);
      expect(await told()).toEqual(taken.sort());
      expect(await told()).toEqual([]);
      await pauseMs(25);
      const next = await step();
      await admin.hdel(key('calls:node-a'), 'call-999', 'call-998');
      expect(await told()).toEqual(next);
    });

    test('forgets all that somebody has taken without a note, though another one had claimed a call before', async () => {
      await b.calls.shared?.claim(['call-7']);
      const taken = ['call-7', ...(await unnoted(999))];
      expect(await told()).toEqual(taken.sort());
    });

    test('is told again when it has not heard it', async () => {
      const first = await step();
      const own = await admin.hget(key('calls:alive'), 'node-a');
      const instance = own?.split(' ')[1]?.slice(1) ?? '';
      expect(instance).not.toBe('');
      // Its write comes, and the answer is lost.
      const keys = WRITE_KEYS.map(key);
      await admin.hdel(key('calls:order'), 'node-a process');
      const write = ['node-a', instance, '8', '', '0', '0', '0', '0', '0', '0'];
      await admin.eval(WRITE_CALLS.text, keys.length, ...keys, ...write);
      await pauseMs(25);
      const second = await step();
      expect(await told()).toEqual([...first, ...second].sort());
      // The mark is of both.
      expect(await told()).toEqual([]);
      expect(await told()).toEqual([]);
    });
  });

  test('what a node wrote of calls over a connection that it has given up since changes nothing when it comes after all', async () => {
    const kept = () => admin.hgetall(key('calls:node-a'));
    const call = (id: string, document: string) => ({ id, document });
    await a.calls.load();
    await a.calls.write({ put: [call('ended', '"up"'), call('rings', '"rings"')], remove: [], aliveAtMs: 1 });
    await a.calls.write({ put: [call('rings', '"answered"')], remove: ['ended'], aliveAtMs: 2 });
    const [generation, process] = await processOf('node-a');
    const keys = WRITE_KEYS.map(key);
    const head = ['node-a', process, '1', '', '0', '0', '2', '0', '1', generation];
    const late = [...head, 'ended', '"up"', 'rings', '"rings"'];
    expect(await admin.eval(WRITE_CALLS.text, keys.length, ...keys, ...late)).toBe(3);
    expect(await kept()).toEqual({ rings: '"answered"' });
    await a.calls.write({ put: [call('next', '"up"')], remove: [], aliveAtMs: 3 });
    expect(Object.keys(await kept()).sort()).toEqual(['next', 'rings']);
  });

  /** Generation and name of the present one. */
  const processOf = async (node: string): Promise<[generation: string, process: string]> => {
    const [generation = '', process = ''] = (await admin.hget(key('calls:order'), `${node} process`))?.split(' ') ?? [];
    return [generation, process];
  };

  test.each([2, 3, 12])(
    'what another process of its name wrote of calls, or left, before the one that lives now, which is number %i, changes nothing when it comes after all',
    async (number) => {
      const call = (id: string) => ({ id, document: '{}' });
      await a.calls.write({ put: [call('before')], remove: [], aliveAtMs: 1 });
      const before = [await processOf('node-a')];
      await a.close();
      let next = await opened('node-a');
      for (let count = 2; count < number; count++) {
        await next.calls.load();
        before.push(await processOf('node-a'));
        await next.close();
        next = await opened('node-a');
      }
      expect((await next.calls.load()).calls).toEqual([call('before')]);
      await next.calls.write({ put: [call('now')], remove: ['before'], aliveAtMs: 2 });
      const keys = WRITE_KEYS.map(key);
      const [alive, order] = [key('calls:alive'), key('calls:order')];
      for (const [generation, process] of before) {
        const late = ['node-a', process, '1', '', '0', '0', '1', '0', '9', generation, 'before', '{}'];
        expect(await admin.eval(WRITE_CALLS.text, keys.length, ...keys, ...late)).toBe(3);
        expect(await admin.eval(RELEASE_CALLS.text, 2, alive, order, 'node-a', process, '10', generation)).toBe(0);
      }
      expect(await admin.hkeys(key('calls:node-a'))).toEqual(['now']);
      expect(await b.calls.shared?.take('node-a', 60_000)).toBe('alive');
      await next.calls.write({ put: [call('then')], remove: ['now'], aliveAtMs: 3 });
      expect(await admin.hkeys(key('calls:node-a'))).toEqual(['then']);
    },
  );

  test('a process that began to begin, and was not heard of before another one had begun, or for 5 s, is late', async () => {
    const begin = (process: string, seen: string) =>
      admin.eval(BEGIN_CALLS.text, 1, key('calls:order'), 'node-a', process, seen) as Promise<string>;
    const seen = await begin('early', '');
    await a.calls.load();
    expect(await begin('early', seen)).toBe('late');
    // Redis has lost that it began.
    await admin.del(key('calls:order'));
    const [, seenMs] = seen.split(' ');
    expect(await begin('early', `0 ${Number(seenMs) - 5_001}`)).toBe('late');
    await a.calls.write({ put: [{ id: 'call', document: '{}' }], remove: [], aliveAtMs: 1 });
    expect(await admin.hkeys(key('calls:node-a'))).toEqual(['call']);
  });

  test('what Redis has again as it was before a process began goes to that process again with what it writes next', async () => {
    await a.calls.load();
    const before = (await admin.hget(key('calls:order'), 'node-a process')) ?? '';
    const [generation, process] = await processOf('node-a');
    await a.close();
    const next = await opened('node-a');
    await next.calls.load();
    await admin.hset(key('calls:order'), { 'node-a process': before });
    const keys = WRITE_KEYS.map(key);
    const write = ['node-a', process, '1', '', '0', '0', '0', '0', '9', generation];
    expect(await admin.eval(WRITE_CALLS.text, keys.length, ...keys, ...write)).toBe(1);
    for (const id of ['one', 'two'])
      await next.calls.write({ put: [{ id, document: '{}' }], remove: [], aliveAtMs: 1 });
    expect((await admin.hkeys(key('calls:node-a'))).sort()).toEqual(['one', 'two']);
    write[8] = '10';
    expect(await admin.eval(WRITE_CALLS.text, keys.length, ...keys, ...write)).toBe(3);
  });

  test('a take whose answer was lost brings nothing any more once the node has looked for what it brought, nor after another process has begun', async () => {
    await a.calls.write({ put: [{ id: 'one', document: '{}' }], remove: [], aliveAtMs: 7 });
    await b.calls.load();
    const [generation, process] = await processOf('node-b');
    await pauseMs(5);
    const keys = ['nodes', 'calls:alive', 'calls:node-a', 'calls:node-b', 'calls:order', 'calls:node-a:taken'];
    const all = [...keys, 'calls:node-b:taken'].map(key);
    const take = (number: string) =>
      admin.eval(TAKE_CALLS.text, all.length, ...all, 'node-a', '1', '200', 'node-b', process, number, generation);
    // The first question of this process is the look.
    expect(await b.calls.shared?.take('node-b', 1)).toEqual([]);
    expect(await take('1')).toBe('late');
    expect(await admin.hkeys(key('calls:node-a'))).toEqual(['one']);
    await b.close();
    const next = await opened('node-b');
    await next.calls.load();
    expect(await take('2')).toBe('late');
    expect(await next.calls.shared?.take('node-a', 1)).toEqual([{ id: 'one', document: '{}' }]);
  });

  test('a node whose calls Redis has lost, or has again as they were before, is told so once; what has ended since is not there any more', async () => {
    const call = (id: string) => ({ id, document: '{}' });
    const whole = { remove: [], aliveAtMs: 2_000_000_000_000, whole: 'p-1' };
    await a.calls.write({ ...whole, put: [call('up')] });
    expect(await b.calls.fate({ id: 'up', process: 'p-1', answeredAtMs: 1 })).toBe('elsewhere');
    // As after a restart from an older dump.
    await admin.hset(key('calls:node-a'), { stale: '{}' });
    await admin.hset(key('calls:whole'), { 'p-1': '1999999999999' });
    await expect(a.calls.write({ ...whole, put: [call('next')] })).rejects.toThrow(CallsForgotten);
    await a.calls.write({ ...whole, put: [call('up'), call('next')] });
    expect((await admin.hkeys(key('calls:node-a'))).sort()).toEqual(['next', 'up']);
    expect(await b.calls.fate({ id: 'stale', process: 'p-1', answeredAtMs: 1 })).toBe('over');
    await admin.del(key('calls:node-a'), key('calls:whole'), key('calls:alive'));
    await expect(a.calls.write({ ...whole, put: [] })).rejects.toThrow(CallsForgotten);
    expect(await b.calls.fate({ id: 'up', process: 'p-1', answeredAtMs: 1 })).toBe('unknown');
  });

  describe('names of nodes that never come again', () => {
    const DAY_MS = 86_400_000;
    const [alive, order] = ['calls:alive', 'calls:order'];
    const begin = async () => void (await b.calls.load());
    const namesIn = async (hash: string) => [
      ...new Set((await admin.hkeys(key(hash))).map((field) => field.split(' ')[0])),
    ];
    const has = async (node: string) => [(await namesIn(alive)).includes(node), (await namesIn(order)).includes(node)];
    const goneSince = async (node: string) => Number(await admin.hget(key(order), `${node} gone`));
    /** So many days pass, for what Redis has of it. */
    const pass = async (node: string, days: number) =>
      void (await admin.hset(key(order), { [`${node} gone`]: `${(await goneSince(node)) - days * DAY_MS}` }));

    beforeEach(async () => {
      await a.calls.load();
      await a.calls.write({ put: [{ id: 'call', document: '{}' }], remove: [], aliveAtMs: 7 });
    });

    /** Of node-a nothing is left: its call went on at another. */
    const isFollowed = async () => {
      await a.close();
      await pauseMs(5);
      expect(await b.calls.shared?.take('node-a', 1)).toHaveLength(1);
      expect(await b.calls.shared?.take('node-a', 1)).toEqual([]);
    };

    test('are forgotten when a node begins, 15 days after one had found them gone', async () => {
      await isFollowed();
      // As a program of before has left them.
      await admin.hset(key(order), { 'node-a': 'x 1', 'node-a takes': 'x 1', 'old process': '7 x 1 1' });
      await begin();
      expect(await goneSince('node-a')).toBeGreaterThan(DAY_MS);
      for (const node of ['node-a', 'old']) await pass(node, 14.9);
      await begin();
      expect([await has('node-a'), await has('old')]).toEqual([
        [true, true],
        [false, true],
      ]);
      for (const node of ['node-a', 'old']) await pass(node, 0.2);
      await begin();
      expect([await has('node-a'), await has('old')]).toEqual([
        [false, false],
        [false, false],
      ]);
      // Others are not.
      expect([await has('node-b'), Number(await goneSince('node-b'))]).toEqual([[true, true], 0]);
    });

    test.each([
      ['whose calls nobody has gone on with', async () => {}],
      [
        'that is in the roster',
        async () => {
          await isFollowed();
          const again = await opened('node-a');
          again.nodes.announce(() => ({}));
          await eventually(async () => (await admin.hexists(key('nodes'), 'node-a')) === 1);
        },
      ],
    ])('one %s is not gone', async (_what, is) => {
      await is();
      await admin.hset(key(order), { 'node-a gone': '7' });
      await begin();
      expect([await has('node-a'), await goneSince('node-a')]).toEqual([[true, true], 0]);
    });

    test('one that asks something, though it was cut off when others began, is not gone', async () => {
      await a.calls.write({ put: [], remove: ['call'], aliveAtMs: 8 });
      await pauseMs(5);
      expect(await b.calls.shared?.take('node-a', 1)).toEqual([]);
      await begin();
      expect(await goneSince('node-a')).toBeGreaterThan(DAY_MS);
      await pass('node-a', 16);
      // It is told that its calls were taken, whatever there was.
      await expect(a.calls.write({ put: [], remove: [], aliveAtMs: 9 })).rejects.toThrow(CallsTaken);
      expect(await goneSince('node-a')).toBe(0);
      await begin();
      expect(await has('node-a')).toEqual([true, true]);
    });
  });

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
    expect(state.tenants[1]).toBe(before.tenants[2]);
  });

  test('bindings that one node writes are told to the others, and not to itself', async () => {
    const told = new Map<string, readonly StoredBinding[]>();
    const echoed: string[] = [];
    await b.bindings.load();
    b.bindings.onRemoteChange?.((aor, bindings) => told.set(aor, bindings));
    a.bindings.onRemoteChange?.((aor) => echoed.push(aor));
    const one = binding('101@acme', { node: 'node-a' });
    await a.bindings.write([
      { aor: '101@acme', bindings: [one] },
      { aor: '102@acme', bindings: [binding('102@acme', { node: 'node-a' })] },
    ]);
    expect(await eventually(() => told.size === 2)).toBeLessThan(1000);
    expect(told.get('101@acme')).toEqual([one]);
    await a.bindings.write([{ aor: '101@acme', bindings: [] }]);
    await eventually(() => told.get('101@acme')?.length === 0);
    expect(echoed).toEqual([]);
  });

  test('what was taken away is told with the list, after a gap too, and is dropped with the address when its time is over', async () => {
    const removal = {
      contactUri: 'sip:101@192.0.2.1',
      instance: undefined,
      regId: undefined,
      callId: 'left',
      cseq: 2,
      node: 'node-a',
      refreshedAtWallMs: 1,
      untilWallMs: Date.UTC(2026, 10, 30),
    };
    const told = new Map<string, readonly StoredRemoval[]>();
    await b.bindings.load();
    b.bindings.onRemoteChange?.((aor, _bindings, removals) => told.set(aor, removals));
    await a.bindings.write([{ aor: '101@acme', bindings: [], removals: [removal] }]);
    await eventually(() => told.has('101@acme'));
    expect(told.get('101@acme')).toEqual([JSON.parse(JSON.stringify(removal))]);
    // Who knows of no removal leaves those that are there.
    await a.bindings.write([{ aor: '101@acme', bindings: [binding('101@acme')], removals: [] }]);
    told.clear();
    await b.bindings.load();
    await admin.multi().del(key('bindings:events')).hincrby(key('meta'), 'bindings', 5000).exec();
    await eventually(() => told.has('101@acme'));
    expect(told.get('101@acme')).toHaveLength(1);
    const old = { ...removal, untilWallMs: Date.UTC(2026, 9, 1) };
    await a.bindings.write([{ aor: '102@acme', bindings: [], removals: [old] }]);
    await a.bindings.write([{ aor: '103@acme', bindings: [] }]);
    expect(await admin.hkeys(key('bindings:removed'))).toEqual(['101@acme']);
  });

  test('a node that missed notices of bindings is told of all, and of those that are gone', async () => {
    await a.bindings.write(['101@acme', '102@acme'].map((aor) => ({ aor, bindings: [binding(aor)] })));
    expect([...(await b.bindings.load())]).toHaveLength(2);
    const told = new Map<string, readonly StoredBinding[]>();
    b.bindings.onRemoteChange?.((aor, bindings) => told.set(aor, bindings));
    // What a lost stretch of the stream looks like: the sequence is far ahead and the entries are not there.
    const gone = admin.multi();
    gone.hdel(key('bindings'), '101@acme').hset(key('bindings'), '103@acme', JSON.stringify([binding('103@acme')]));
    gone.del(key('bindings:events')).hincrby(key('meta'), 'bindings', 5000);
    await gone.exec();
    await eventually(() => told.size === 3);
    expect([...told].map(([aor, bindings]) => [aor, bindings.length]).sort()).toEqual([
      ['101@acme', 0],
      ['102@acme', 1],
      ['103@acme', 1],
    ]);
  });

  test('entries of phones that went away more than a day ago are dropped with the next write', async () => {
    const old = { expiresAtWallMs: Date.UTC(2026, 9, 30) };
    await a.bindings.write([{ aor: 'old@acme', bindings: [binding('old@acme', old)] }]);
    await a.bindings.write([{ aor: '101@acme', bindings: [binding('101@acme')] }]);
    expect([...(await a.bindings.load())].map(({ aor }) => aor)).toEqual(['101@acme']);
  });

  test('a lease is one node’s; closing hands it over at once, with a greater fence', async () => {
    const first = await a.leases.acquire('trunk/1', 8000);
    expect(first).toBeDefined();
    expect(await b.leases.acquire('trunk/1', 8000)).toBeUndefined();
    await a.close();
    const second = await b.leases.acquire('trunk/1', 8000);
    expect(second?.fence).toBeGreaterThan(first?.fence ?? Number.POSITIVE_INFINITY);
  });

  test('a lease that is not renewed is free when its time is over, and its old holder cannot renew it', async () => {
    const first = await a.leases.acquire('trunk/1', 400);
    if (first === undefined) throw new Error('not granted');
    const takenMs = await eventually(async () => (await b.leases.acquire('trunk/1', 8000)) !== undefined);
    expect(takenMs).toBeGreaterThan(300);
    expect(takenMs).toBeLessThan(1000);
    expect(await a.leases.renew('trunk/1', first, 8000)).toBe(false);
  });

  test('of two nodes asking at once exactly one gets the lease, for each of 100', async () => {
    for (let i = 0; i < 100; i++) {
      const answers = await Promise.all([a.leases.acquire(`l-${i}`, 5000), b.leases.acquire(`l-${i}`, 5000)]);
      expect(answers.filter((lease) => lease !== undefined)).toHaveLength(1);
    }
  });

  test('leases as trunks ask for them: one holder, renewed, taken again when it ran out while nobody else asked', async () => {
    expect(await a.trunkLease.acquire('registration 1', 300)).toBe(true);
    expect(await b.trunkLease.acquire('registration 1', 300)).toBe(false);
    expect(await b.trunkLease.renew('registration 1', 300)).toBe(false);
    await pauseMs(400);
    expect(await a.trunkLease.renew('registration 1', 300)).toBe(true);
    await pauseMs(350);
    expect(await b.trunkLease.acquire('registration 1', 8000)).toBe(true);
    expect(await a.trunkLease.renew('registration 1', 300)).toBe(false);
    b.trunkLease.release('registration 1');
    await eventually(async () => a.trunkLease.acquire('registration 1', 300));
  });

  test('2,000 leases asked for at once are granted, and refused to the other node, in a few commands', async () => {
    const keys = Array.from({ length: 2000 }, (_, index) => `registration ${index}`);
    const before = Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0);
    expect(await Promise.all(keys.map((key) => a.trunkLease.acquire(key, 8000)))).toEqual(keys.map(() => true));
    expect(await Promise.all(keys.map((key) => b.trunkLease.acquire(key, 8000)))).toEqual(keys.map(() => false));
    const after = Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0);
    expect(after - before).toBeLessThan(20);
  });

  test('what one counts the other hears of; a batch that comes twice counts once', async () => {
    const told: Record<string, number> = {};
    b.tallies.onRemoteChange?.((totals) => {
      for (const { key, total } of totals) told[key] = total;
    });
    const add = (more: number) => [{ key: 'talk 2026-11-29 tenant acme', add: more, known: 0, untilMs: 9e12 }];
    expect(await a.tallies.add(1, add(5), 1)).toEqual([5]);
    expect(await a.tallies.add(1, add(5), 1)).toEqual([5]);
    expect(await b.tallies.add(1, add(7), 1)).toEqual([12]);
    expect(await a.tallies.add(2, add(1), 1)).toEqual([13]);
    expect(await eventually(() => told['talk 2026-11-29 tenant acme'] === 13)).toBeLessThan(1_000);
    for (const name of ['tallies', 'tallies:order', 'tallies:ends', 'tallies:batches'])
      expect(await admin.pttl(key(name))).toBeGreaterThan(2 * 86_400_000);
    await b.close();
    expect(await (await opened('node-b')).tallies.load()).toEqual([
      { key: 'talk 2026-11-29 tenant acme', total: 13, untilMs: 9e12 },
    ]);
  });

  test('calls of a killed node that go on at another count once, at every node, while the dead one is in the roster still', async () => {
    const calls = { a: 3, b: 0 };
    a.nodes.announce(() => ({ calls: { 'trunk 1': calls.a } }));
    b.nodes.announce(() => ({ calls: { 'trunk 1': calls.b } }));
    const c = await opened('node-c');
    c.nodes.announce(() => ({}));
    await eventually(() => callsElsewhere(b, 'trunk 1') === 3 && c.nodes.others().length === 2);
    // It is killed: nothing more is told, and its line stays for 4.5 s.
    const line = (await admin.hget(key('nodes'), 'node-a')) ?? '';
    await a.close();
    await admin.hset(key('nodes'), 'node-a', line);
    b.nodes.followed?.('node-a');
    calls.b = 3;
    expect(callsElsewhere(b, 'trunk 1')).toBe(0);
    const most: number[] = [];
    await eventually(() => {
      most.push(callsElsewhere(c, 'trunk 1'));
      return c.nodes.others().some(({ name, calls: told }) => name === 'node-b' && told?.['trunk 1'] === 3);
    });
    await pauseMs(700);
    expect(c.nodes.others().map(({ name }) => name)).toContain('node-a');
    expect([Math.max(...most), callsElsewhere(c, 'trunk 1'), callsElsewhere(b, 'trunk 1')]).toEqual([3, 3, 0]);
  });

  test('a batch that runs once more after those that followed it counts once, also one of a process that has ended', async () => {
    const add = (more: number) => [{ key: 'talk', add: more, known: 0, untilMs: 9e12 }];
    await a.tallies.add(1, add(5), 1);
    await a.tallies.add(2, add(1), 1);
    expect(await a.tallies.add(1, add(5), 1)).toEqual([6]);
    const again = await opened('node-c');
    await again.tallies.add(1, add(10), 1);
    await again.close();
    const next = await opened('node-c');
    expect(await next.tallies.add(1, add(100), 1)).toEqual([116]);
    expect(await again.tallies.add(1, add(10), 1).catch((error: Error) => error.message)).toBe('the store is closed');
    const [ended] = (await admin.hkeys(key('tallies:batches'))).filter((name) => name.startsWith('node-c/'));
    const written = ['tallies', 'tallies:order', 'tallies:ends', 'tallies:batches'].map((name) => key(name));
    const id = await admin.hget(key('meta'), 'id');
    const late = [id ?? '', 'channel', ended ?? '', 1, 'talk', 10, 0, 9e12];
    expect(await admin.eval(ADD_TALLIES.text, 5, key('meta'), ...written, ...late)).toEqual(['116']);
  });

  test('processes that have added nothing for an hour are not remembered', async () => {
    const add = [{ key: 'talk', add: 1, known: 0, untilMs: 9e12 }];
    await a.tallies.add(1, add, 1);
    const [name] = await admin.hkeys(key('tallies:batches'));
    await admin.hset(key('tallies:batches'), name ?? '', `1 ${Date.now() - 3_700_000}`);
    await b.tallies.add(1, add, 1);
    expect(await admin.hkeys(key('tallies:batches'))).toEqual([expect.stringMatching(/^node-b\//)]);
  });

  test('a node whose clock is days ahead drops no count of the others: what is over is so by the clock of Redis', async () => {
    const untilMs = Date.now() + 86_400_000;
    const of = (name: string, until: number) => [{ key: name, add: 1, known: 0, untilMs: until }];
    await a.tallies.add(1, of('today', untilMs), Date.now());
    await a.tallies.add(2, of('yesterday', Date.now() - 1), Date.now());
    const inDays = Date.now() + 10 * 86_400_000;
    await b.tallies.add(1, of('in ten days', inDays + 86_400_000), inDays);
    const kept = await a.tallies.load();
    expect(kept.map((total) => total.key).sort()).toEqual(['in ten days', 'today']);
  });

  test('nodes know each other, count each other’s calls, and know at once when one has ended', async () => {
    let calls = 3;
    const sip = { transport: 'udp' as const, address: '192.0.2.1', port: 5060 };
    a.nodes.announce(() => ({ sip, calls: { 'trunk 1': calls, 'tenant acme': 1 } }));
    b.nodes.announce(() => ({}));
    const c = await world.open('node-c');
    onTestFinished(() => c.close());
    c.nodes.announce(() => ({ calls: { 'trunk 1': 2 } }));
    expect(await eventually(() => b.nodes.others().length === 2)).toBeLessThan(1000);
    expect(b.nodes.others().find(({ name }) => name === 'node-a')?.sip).toEqual(sip);
    expect([callsElsewhere(b, 'trunk 1'), callsElsewhere(b, 'constructor')]).toEqual([5, 0]);
    calls = 0;
    expect(await eventually(() => callsElsewhere(b, 'trunk 1') === 2)).toBeLessThan(1500);
    await a.close();
    expect(await eventually(() => b.nodes.others().length === 1)).toBeLessThan(1000);
    expect(a.nodes.others().map(({ name }) => name)).not.toContain('node-a');
  });

  test('a node is killed with kill -9: its lease is taken over and its calls are forgotten within 10 s', async () => {
    const script = fileURLToPath(new URL('./node-process.ts', import.meta.url));
    const child = startChild(execPath, [script, server.url, world.prefix, world.folder('node-x'), 'node-x'], {
      env: { ...process.env, TANDEM_STORE_KEY: STORE_KEY },
    });
    onTestFinished(() => child.stop());
    await child.waitFor(/holds 1/);
    a.nodes.announce(() => ({}));
    await eventually(() => callsElsewhere(a, 'trunk 1') === 1);
    expect(await a.leases.acquire('registration 1', 6000)).toBeUndefined();
    child.signal('SIGKILL');
    await child.exited;
    let fence = 0;
    const takenOverMs = await eventually(async () => {
      fence = (await a.leases.acquire('registration 1', 6000))?.fence ?? 0;
      return fence > 0;
    }, 12_000);
    expect(takenOverMs).toBeLessThan(10_000);
    expect(fence).toBe(2);
    await eventually(() => a.nodes.others().length === 0);
    expect(callsElsewhere(a, 'trunk 1')).toBe(0);
  });

  test('tokens and webhooks of one node are those of the other', async () => {
    await a.webhooks.put(webhook('w1'));
    expect(await b.webhooks.list()).toEqual([webhook('w1')]);
  });
});

const names = async (calls: SharedCalls | undefined) => ((await calls?.holders()) ?? []).map(({ name }) => name);
