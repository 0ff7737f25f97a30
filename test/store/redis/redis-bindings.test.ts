import type { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { OthersWroteError, type StoredBinding, type StoredRemoval } from '../../../src/registrar/ports.ts';
import type { Stores } from '../../../src/store/index.ts';
import { RedisLink } from '../../../src/store/redis/link.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { binding } from '../records.ts';
import { deaf, eventually, losable, onTwoNodes, type TwoNodes } from './world.ts';

describe.skipIf(peersSkipped)('bindings of several nodes on one Redis', () => {
  let a: Stores;
  let b: Stores;
  let admin: Redis;
  let warnings: TwoNodes['warnings'];

  const { key } = onTwoNodes((made) => {
    ({ a, b, admin, warnings } = made);
  });

  test('bindings that one node writes are told to the others, and not to itself', async () => {
    const told = new Map<string, readonly StoredBinding[]>();
    const echoed: string[] = [];
    await b.bindings.load();
    b.bindings.onRemoteChange?.((aor, bindings = []) => told.set(aor, bindings));
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
      untilWallMs: Date.now() + 86_400_000,
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
    // After the gap it reads first what others may have written.
    await a.bindings.load();
    const old = { ...removal, untilWallMs: Date.UTC(2026, 9, 1) };
    await a.bindings.write([{ aor: '102@acme', bindings: [], removals: [old] }]);
    await a.bindings.write([{ aor: '103@acme', bindings: [] }]);
    expect(await admin.hkeys(key('bindings:removed'))).toEqual(['101@acme']);
  });

  test('a node that missed notices of bindings is told of all, and of those that are gone', async () => {
    await a.bindings.write(['101@acme', '102@acme'].map((aor) => ({ aor, bindings: [binding(aor)] })));
    expect([...(await b.bindings.load())]).toHaveLength(2);
    const told = new Map<string, readonly StoredBinding[]>();
    b.bindings.onRemoteChange?.((aor, bindings = []) => told.set(aor, bindings));
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

  describe.each(['no JSON', '{"no":"list"}'])('an address whose entry is %j', (document) => {
    const spoil = (kind: string) => admin.hset(key(kind), '102@acme', document);
    const onAll = () => {
      const told = new Map<string, number | undefined>();
      const removed = new Map<string, readonly StoredRemoval[]>();
      b.bindings.onRemoteChange?.((aor, bindings, removals) => {
        told.set(aor, bindings?.length);
        removed.set(aor, removals);
      });
      return { told, removed };
    };
    const three = ['101@acme', '102@acme', '103@acme'];
    const written = () => a.bindings.write(three.map((aor) => ({ aor, bindings: [binding(aor)], removals: [] })));

    test('costs no other when all are read at a start', async () => {
      await written();
      await spoil('bindings');
      const read = [...(await b.bindings.load())].map(({ aor, bindings }) => [aor, bindings?.length]);
      expect(read.sort()).toEqual([
        ['101@acme', 1],
        ['102@acme', undefined],
        ['103@acme', 1],
      ]);
    });

    test('is named in the log once, with the list that it is, until it can be read', async () => {
      await written();
      await b.bindings.load();
      const { told } = onAll();
      const named = () =>
        warnings.flatMap(({ event, aor, error }) => (event === 'registration-not-read' ? [[aor, error]] : []));
      const resync = async () => {
        told.clear();
        await admin.multi().del(key('bindings:events')).hincrby(key('meta'), 'bindings', 5000).exec();
        await eventually(() => told.size === 3);
      };
      await spoil('bindings');
      await spoil('bindings:removed');
      await resync();
      await resync();
      expect(named()).toEqual(['removals', 'bindings'].map((kind) => ['102@acme', `${kind} that are no list in JSON`]));
      await admin.hset(key('bindings'), '102@acme', '[]');
      await resync();
      await spoil('bindings');
      await resync();
      expect(named()).toHaveLength(3);
    });

    test('costs no other when a node is told of what others write, whether of phones or of what was taken away', async () => {
      await b.bindings.load();
      const { told, removed } = onAll();
      const both = admin.multi().hset(key('bindings'), '102@acme', document);
      both.hset(key('bindings:removed'), '101@acme', document, '102@acme', '[{"contactUri":"*"}]');
      both.hincrby(key('meta'), 'bindings', 1);
      both.xadd(key('bindings:events'), '1-0', 'node', 'node-a', 'aors', JSON.stringify(three));
      both.hset(key('bindings'), '101@acme', JSON.stringify([binding('101@acme')]));
      await both.exec();
      await eventually(() => told.has('103@acme'));
      expect([...told]).toEqual([
        ['101@acme', 1],
        ['102@acme', undefined],
        ['103@acme', 0],
      ]);
      // What can be read of it is told.
      expect(removed.get('102@acme')).toEqual([{ contactUri: '*' }]);
    });

    test('costs no other after a gap', async () => {
      await written();
      await b.bindings.load();
      const { told } = onAll();
      await spoil('bindings');
      await spoil('bindings:removed');
      await admin.multi().del(key('bindings:events')).hincrby(key('meta'), 'bindings', 5000).exec();
      await eventually(() => told.size === 3);
      expect([...told].sort()).toEqual([
        ['101@acme', 1],
        ['102@acme', undefined],
        ['103@acme', 1],
      ]);
    });
  });

  describe('a node that has not heard yet what another wrote', () => {
    const of = (node: string, user: string) => binding('101@acme', { node, contactUri: `sip:${user}@192.0.2.9` });
    const kept = async () => {
      const list = JSON.parse((await admin.hget(key('bindings'), '101@acme')) ?? '[]') as StoredBinding[];
      return list.map(({ contactUri }) => contactUri);
    };

    test('does not write over it, hears of it first, and writes then', async () => {
      await b.bindings.load();
      const heard: (readonly string[])[] = [];
      b.bindings.onRemoteChange?.((_aor, bindings = []) => heard.push(bindings.map(({ contactUri }) => contactUri)));
      deaf(b.bindings);
      await a.bindings.write([{ aor: '101@acme', bindings: [of('node-a', 'one')] }]);
      await expect(b.bindings.write([{ aor: '101@acme', bindings: [of('node-b', 'two')] }])).rejects.toThrow(
        OthersWroteError,
      );
      expect([await kept(), heard]).toEqual([['sip:one@192.0.2.9'], [['sip:one@192.0.2.9']]]);
      await b.bindings.write([{ aor: '101@acme', bindings: [of('node-a', 'one'), of('node-b', 'two')] }]);
      expect(await kept()).toEqual(['sip:one@192.0.2.9', 'sip:two@192.0.2.9']);
    });

    test('nor does one that has read nothing yet, whatever it is told to be the last write', async () => {
      await a.bindings.write([{ aor: '101@acme', bindings: [of('node-a', 'one')] }]);
      const heard: (readonly string[])[] = [];
      b.bindings.onRemoteChange?.((_aor, bindings = []) => heard.push(bindings.map(({ contactUri }) => contactUri)));
      const seen = b.bindings as unknown as { seen(place: object): void };
      seen.seen({ sequence: 1, token: (await admin.hget(key('meta'), 'bindings-token')) ?? '' });
      expect(heard).toEqual([]);
      await expect(b.bindings.write([{ aor: '101@acme', bindings: [of('node-b', 'two')] }])).rejects.toThrow(
        OthersWroteError,
      );
      expect([await kept(), heard]).toEqual([['sip:one@192.0.2.9'], [['sip:one@192.0.2.9']]]);
    });

    test('writes what it has of others beside it, and says which are left', async () => {
      await b.bindings.load();
      deaf(b.bindings);
      await a.bindings.write([{ aor: '101@acme', bindings: [of('node-a', 'one')] }]);
      const told = new Map<string, readonly StoredBinding[]>();
      a.bindings.onRemoteChange?.((aor, bindings = []) => told.set(aor, bindings));
      await a.bindings.load();
      const changes = ['100@acme', '101@acme', '102@acme'].map((aor) => ({ aor, bindings: [binding(aor)] }));
      await expect(b.bindings.write(changes)).rejects.toMatchObject({ aors: ['101@acme'] });
      expect(await kept()).toEqual(['sip:one@192.0.2.9']);
      // Others are told of what was written, and of no more.
      await eventually(() => told.size === 2);
      expect([...told.keys()].sort()).toEqual(['100@acme', '102@acme']);
      expect((await admin.hkeys(key('bindings'))).sort()).toEqual(['100@acme', '101@acme', '102@acme']);
    });

    test.each(['others', 'it'])(
      'writes what %s wrote most of: Redis reads 1 MB of names at most to find out',
      async (who) => {
        await b.bindings.load();
        deaf(b.bindings);
        const writer = who === 'it' ? b : a;
        const writeLong = (batch: number) => {
          const name = (index: number) => `${batch}-${index}-${'x'.repeat(20_000)}@acme`;
          return writer.bindings.write(Array.from({ length: 10 }, (_, index) => ({ aor: name(index), bindings: [] })));
        };
        const write = (user: string) => b.bindings.write([{ aor: '101@acme', bindings: [of('node-b', user)] }]);
        for (let batch = 0; batch < 5; batch++) await writeLong(batch);
        await write('one');
        await writeLong(5);
        await expect(write('two')).rejects.toThrow(OthersWroteError);
        await write('two');
        expect(await kept()).toEqual(['sip:two@192.0.2.9']);
      },
    );

    test('nor over what it reads of between two parts of one write, and says so', async () => {
      await b.bindings.load();
      const meanwhile = async () => {
        await a.bindings.write([{ aor: '101@acme', bindings: [of('node-a', 'one')] }]);
        await eventually(() => heard.includes('101@acme'));
      };
      const heard: string[] = [];
      b.bindings.onRemoteChange?.((aor) => heard.push(aor));
      const { run } = RedisLink.prototype;
      let parts = 0;
      const spy = vi.spyOn(RedisLink.prototype, 'run').mockImplementation(async function (this: RedisLink, ...asked) {
        const answer = await run.apply(this, asked);
        if (asked[2][2] === 'node-b' && ++parts === 1) await meanwhile();
        return answer;
      });
      onTestFinished(() => spy.mockRestore());
      const long = { aor: '100@acme', bindings: [binding('100@acme', { userAgent: 'x'.repeat(1_100_000) })] };
      const changes = [long, { aor: '101@acme', bindings: [] }, { aor: '102@acme', bindings: [binding('102@acme')] }];
      await expect(b.bindings.write(changes)).rejects.toMatchObject({ aors: ['101@acme'] });
      expect(parts).toBe(2);
      expect(await kept()).toEqual(['sip:one@192.0.2.9']);
      expect((await admin.hkeys(key('bindings'))).sort()).toEqual(['100@acme', '101@acme', '102@acme']);
    });

    test('reads it once, though it is told of it meanwhile', async () => {
      await b.bindings.load();
      const hears = deaf(b.bindings);
      await a.bindings.write([{ aor: '101@acme', bindings: [of('node-a', 'one')] }]);
      await a.bindings.write([{ aor: '102@acme', bindings: [of('node-a', 'one')] }]);
      const token = (await admin.hget(key('meta'), 'bindings-token')) ?? '';
      const heard: string[] = [];
      b.bindings.onRemoteChange?.((aor) => {
        heard.push(aor);
        hears();
        (b.bindings as unknown as { seen(place: object): void }).seen({ sequence: 2, token });
      });
      await expect(b.bindings.write([{ aor: '101@acme', bindings: [] }])).rejects.toThrow(OthersWroteError);
      // What else it asks Redis for is answered before.
      for (let turn = 0; turn < 5; turn++) await b.bindings.load();
      expect(heard).toEqual(['101@acme', '102@acme']);
    });

    test('reads nothing anew for an answer of before what it has read since', async () => {
      await b.bindings.load();
      const hears = deaf(b.bindings);
      await a.bindings.write([{ aor: '101@acme', bindings: [of('node-a', 'one')] }]);
      const token = (await admin.hget(key('meta'), 'bindings-token')) ?? '';
      await a.bindings.write([{ aor: '101@acme', bindings: [of('node-a', 'two')] }]);
      await expect(b.bindings.write([{ aor: '101@acme', bindings: [] }])).rejects.toThrow(OthersWroteError);
      const heard: string[] = [];
      b.bindings.onRemoteChange?.((aor) => heard.push(aor));
      hears();
      (b.bindings as unknown as { seen(place: object): void }).seen({ sequence: 1, token });
      await a.bindings.write([{ aor: '102@acme', bindings: [of('node-a', 'one')] }]);
      await eventually(() => heard.includes('102@acme'));
      expect(heard).toEqual(['102@acme']);
    });

    test('writes other addresses all the same, and its own again', async () => {
      await b.bindings.load();
      deaf(b.bindings);
      await a.bindings.write([{ aor: '102@acme', bindings: [binding('102@acme', { node: 'node-a' })] }]);
      for (const user of ['one', 'two']) await b.bindings.write([{ aor: '101@acme', bindings: [of('node-b', user)] }]);
      expect(await kept()).toEqual(['sip:two@192.0.2.9']);
    });

    test('hears of one that has the number of one that Redis has lost', async () => {
      await a.bindings.write([{ aor: '101@acme', bindings: [of('node-a', 'one')] }]);
      await b.bindings.load();
      const told = new Map<string, number>();
      b.bindings.onRemoteChange?.((aor, bindings = []) => told.set(aor, bindings.length));
      const lose = await losable(admin, ['meta', 'bindings', 'bindings:expiry', 'bindings:events'].map(key));
      await a.bindings.write([{ aor: '102@acme', bindings: [binding('102@acme', { node: 'node-a' })] }]);
      await eventually(() => told.has('102@acme'));
      told.clear();
      const hears = deaf(b.bindings);
      await lose();
      await a.bindings.load();
      await a.bindings.write([{ aor: '101@acme', bindings: [] }]);
      hears();
      await eventually(() => told.get('101@acme') === 0 && told.get('102@acme') === 0);
    });
  });

  test('what is long goes in parts of about 1 MB, each of which others hear of', async () => {
    const told = new Set<string>();
    await b.bindings.load();
    b.bindings.onRemoteChange?.((aor) => told.add(aor));
    const long = Array.from({ length: 30 }, (_, index) => {
      const aor = `${index}@acme`;
      return { aor, bindings: [binding(aor, { node: 'node-a', userAgent: 'x'.repeat(100_000) })] };
    });
    await a.bindings.write(long);
    expect([...(await a.bindings.load())]).toHaveLength(30);
    expect(await admin.xlen(key('bindings:events'))).toBe(3);
    await eventually(() => told.size === 30);
  });

  test('a notice that cannot be read is as one that was missed', async () => {
    await a.bindings.write([{ aor: '101@acme', bindings: [binding('101@acme')] }]);
    await b.bindings.load();
    const told = new Set<string>();
    b.bindings.onRemoteChange?.((aor) => told.add(aor));
    const notice = admin.multi().hincrby(key('meta'), 'bindings', 1);
    await notice.xadd(key('bindings:events'), '2-0', 'node', 'node-a', 'aors', 'no JSON').exec();
    await eventually(() => told.has('101@acme'));
  });

  test('entries of phones that went away more than a day ago are dropped with the next write', async () => {
    const old = { expiresAtWallMs: Date.UTC(2026, 9, 30) };
    await a.bindings.write([{ aor: 'old@acme', bindings: [binding('old@acme', old)] }]);
    await a.bindings.write([{ aor: '101@acme', bindings: [binding('101@acme')] }]);
    expect([...(await a.bindings.load())].map(({ aor }) => aor)).toEqual(['101@acme']);
  });
});
