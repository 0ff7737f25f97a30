import { setTimeout as pauseMs } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { WheelScheduler } from '../../../src/base/wheel-scheduler.ts';
import { CallsForgotten, CallsTaken, type SharedCalls } from '../../../src/call/index.ts';
import type { Stores } from '../../../src/store/index.ts';
import { BEGIN_CALLS, RELEASE_CALLS, TAKE_CALLS, WRITE_CALLS } from '../../../src/store/redis/call-scripts.ts';
import { peersSkipped } from '../../kit/peers.ts';
import type { RedisServer } from '../../kit/redis.ts';
import { eventually, onTwoNodes, type RedisWorld } from './world.ts';

/** Of a write of node-a. */
const WRITE_KEYS = ['calls:node-a', 'calls:alive', 'calls:whole', 'calls:over', 'calls:order', 'calls:node-a:taken'];

describe.skipIf(peersSkipped)('calls of several nodes on one Redis', () => {
  let a: Stores;
  let b: Stores;
  let world: RedisWorld;
  let server: RedisServer;
  let admin: Redis;

  const { opened, key } = onTwoNodes((made) => {
    ({ a, b, world, server, admin } = made);
  });

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
});
const names = async (calls: SharedCalls | undefined) => ((await calls?.holders()) ?? []).map(({ name }) => name);
