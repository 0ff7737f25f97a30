import type { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import type { TokenRecord } from '../../../src/api/ports.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { Stores } from '../../../src/store/index.ts';
import { LastCopy } from '../../../src/store/redis/last-copy.ts';
import { RedisRecords, type RedisRecordsOptions } from '../../../src/store/redis/redis-records.ts';
import { Sealer } from '../../../src/store/sealer.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { user, webhook } from '../records.ts';
import { eventually, onTwoNodes, type RedisWorld, STORE_KEY } from './world.ts';

function token(id: string): TokenRecord {
  return { id, role: 'system-admin', hash: '$sha256$x', createdAt: '2026-11-21T00:00:00.000Z', createdBy: 'owner' };
}

describe.skipIf(peersSkipped)('records of several nodes on one Redis', () => {
  let a: Stores;
  let b: Stores;
  let world: RedisWorld;
  let admin: Redis;

  const { key } = onTwoNodes((made) => {
    ({ a, b, world, admin } = made);
  });

  const sealer = new Sealer(Buffer.from(STORE_KEY, 'hex'));
  /** In the last copy of node-b. */
  const copied = () => {
    const { tokens, users, webhooks } = LastCopy.read(world.folder('node-b'), sealer, silentLog)?.copy ?? {};
    return [tokens, users, webhooks].map((records) => records?.map(({ id }) => id));
  };

  test('tokens and webhooks of one node are those of the other', async () => {
    await a.webhooks.put(webhook('w1'));
    expect(await b.webhooks.list()).toEqual([webhook('w1')]);
  });

  test('what one writes and removes is so in the last copy of the other, though nobody asks that for it', async () => {
    await Promise.all([a.tokens.put(token('t1')), a.users.put(user('u1')), a.webhooks.put(webhook('w1'))]);
    await eventually(() => copied().every((ids) => ids?.length === 1));
    expect(copied()).toEqual([['t1'], ['u1'], ['w1']]);
    // A token that is revoked is not good where there is no Redis to ask.
    await Promise.all([a.tokens.delete('t1'), a.users.delete('u1'), a.webhooks.delete('w1')]);
    await eventually(() => copied().every((ids) => ids?.length === 0));
  });

  test('a write that is the same in number as one that Redis has lost is followed', async () => {
    await a.tokens.put(token('t1'));
    await eventually(() => copied()[0]?.length === 1);
    const before = await Promise.all(['meta', 'tokens'].map((name) => admin.dumpBuffer(key(name))));
    await b.tokens.put(token('t2'));
    await eventually(() => copied()[0]?.length === 2);
    // As the replica was, that follows its master without the last write.
    const failover = admin.multi();
    for (const [index, name] of ['meta', 'tokens'].entries())
      failover.restore(key(name), 0, before[index] ?? '', 'REPLACE');
    await failover.exec();
    await a.tokens.put(token('t3'));
    expect(await admin.hget(key('meta'), 'records')).toBe('2');
    await eventually(() => copied()[0]?.includes('t2') === false);
    // Redis lists a hash in no order.
    expect(copied()[0]?.toSorted()).toEqual(['t1', 't3']);
  });

  test('one that cannot be opened is none, and keeps no other from being followed', async () => {
    await a.tokens.put(token('t1'));
    await eventually(() => copied()[0]?.length === 1);
    const stranger = new Sealer(Buffer.alloc(32, 1));
    await admin.hset(key('tokens'), 't2', stranger.sealJson('tokens/t2', token('t2')));
    await a.tokens.delete('t1');
    await eventually(() => copied()[0]?.length === 0);
    await a.tokens.put(token('t3'));
    expect(await b.tokens.list()).toEqual([token('t3')]);
    expect(await b.tokens.get('t2')).toBeUndefined();
  });
});

describe('a record that cannot be opened', () => {
  const [sealer, stranger] = [1, 2].map((octet) => new Sealer(Buffer.alloc(32, octet))) as [Sealer, Sealer];

  /** What Redis has is put in; what the log was told, and how often all was asked for. */
  function world() {
    const rows = new Map<string, Buffer>();
    const told: unknown[] = [];
    let isAway = false;
    const link = {
      isClosed: false,
      run: (_script: unknown, _keys: unknown, [, command, id]: string[]) => {
        if (isAway) return Promise.reject(new Error('it is away'));
        const all = [...rows].flatMap(([name, sealed]) => [Buffer.from(name), sealed]);
        return Promise.resolve(command === 'HGETALL' ? all : (rows.get(id ?? '') ?? null));
      },
    } as unknown as RedisRecordsOptions['link'];
    const records = new RedisRecords<TokenRecord>({
      ...{ link, writing: link, replicas: undefined, sealer, kind: 'tokens', refusal: () => undefined },
      ...{ storeId: 'id', meta: 'meta', channel: 'channel', key: 'tokens' },
      log: { ...silentLog, warn: (event, fields) => told.push({ event, ...fields }) },
    });
    const put = (id: string, by = sealer) => rows.set(id, by.sealJson(`tokens/${id}`, token(id)));
    return { rows, put, told, records, leave: () => (isAway = true), ids: () => records.copy.map(({ id }) => id) };
  }

  test('is told of once, until it can be or has gone; the read counts, and what is in the copy of it goes', async () => {
    const { rows, put, told, records, ids } = world();
    for (const id of ['t1', 't2']) put(id);
    await records.read();
    put('t2', stranger);
    rows.delete('t1');
    put('t3');
    for (let round = 0; round < 3; round++) expect(await records.read()).toBe(true);
    expect(await records.get('t2')).toBeUndefined();
    expect(ids()).toEqual(['t3']);
    const warning = { event: 'record-not-read', kind: 'tokens', id: 't2', error: expect.any(String) };
    expect(told).toEqual([warning]);
    put('t2');
    expect(await records.get('t2')).toEqual(token('t2'));
    put('t2', stranger);
    await records.read();
    rows.delete('t2');
    await records.read();
    put('t2', stranger);
    await records.read();
    expect(told).toEqual([warning, warning, warning]);
  });

  test('is no silence of Redis, after which the copy stays as it was', async () => {
    const { put, records, ids, leave } = world();
    put('t1');
    await records.read();
    leave();
    expect(await records.read()).toBe(false);
    expect(ids()).toEqual(['t1']);
  });
});

/** Redis does at once what it is asked. What it answers where records are read comes in that order, each when `pass` lets it through. */
function slowlyRead() {
  const rows = new Map<string, Buffer>();
  const answers: (() => void)[] = [];
  const sealer = new Sealer(Buffer.alloc(32, 1));
  const kept = Promise.withResolvers<void>();
  const link = {
    isClosed: false,
    run: (_script: unknown, _keys: unknown, [, command, id = '']: string[]) => {
      const all = [...rows].flatMap(([name, sealed]) => [Buffer.from(name), sealed]);
      const answer = command === 'HGETALL' ? all : (rows.get(id) ?? null);
      return new Promise((resolve) => answers.push(() => resolve(answer)));
    },
  } as unknown as RedisRecordsOptions['link'];
  const writing = {
    run: async (_script: unknown, _keys: unknown, [, , , id, sealed]: [string, string, string, string, Buffer]) =>
      sealed.length > 0 ? rows.set(id, sealed) : rows.delete(id),
    within: (_ms: number, answer: Promise<unknown>) => answer,
  } as unknown as RedisRecordsOptions['writing'];
  const records = (replicas?: { have(): Promise<void> }) =>
    new RedisRecords<TokenRecord>({
      ...{ link, writing, replicas: replicas as RedisRecordsOptions['replicas'], sealer, kind: 'tokens' },
      ...{ storeId: 'id', meta: 'meta', channel: 'channel', key: 'tokens', log: silentLog, refusal: () => undefined },
    });
  const pass = async () => {
    for (let turns = 0; turns < 4; turns++) {
      await new Promise(setImmediate);
      answers.shift()?.();
    }
    await new Promise(setImmediate);
  };
  return { rows, records, pass, kept };
}

describe('the copy, while answers are under way', () => {
  test('has what this node has written, though an answer of before that comes later, and not what it has removed', async () => {
    const { records: made, pass } = slowlyRead();
    const records = made();
    const written = Promise.all([records.read(), records.get('t1'), records.put(token('t1'))]);
    await pass();
    await written;
    expect(records.copy.map(({ id }) => id)).toEqual(['t1']);
    const removed = Promise.all([records.read(), records.get('t1'), records.delete('t1')]);
    await pass();
    await removed;
    expect(records.copy).toEqual([]);
  });

  test('has not what another node has removed while this one waited for a replica to have it', async () => {
    const { rows, records: made, pass, kept } = slowlyRead();
    const records = made({ have: () => kept.promise });
    const written = records.put(token('t1'));
    await pass();
    rows.delete('t1');
    const read = records.read();
    await pass();
    await read;
    kept.resolve();
    await pass();
    await written;
    expect(records.copy).toEqual([]);
  });
});
