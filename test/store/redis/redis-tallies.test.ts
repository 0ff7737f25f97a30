import { setTimeout as pauseMs } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import type { Stores } from '../../../src/store/index.ts';
import { ADD_TALLIES } from '../../../src/store/redis/scripts.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { callsElsewhere } from '../kit.ts';
import { deaf, eventually, losable, onTwoNodes } from './world.ts';

const KEYS = ['tallies', 'tallies:order', 'tallies:ends', 'tallies:batches', 'tallies:tokens'];

describe.skipIf(peersSkipped)('counts of several nodes on one Redis', () => {
  let a: Stores;
  let b: Stores;
  let admin: Redis;

  const { opened, key } = onTwoNodes((made) => {
    ({ a, b, admin } = made);
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
    for (const name of KEYS) expect(await admin.pttl(key(name))).toBeGreaterThan(2 * 86_400_000);
    await b.close();
    expect(await (await opened('node-b')).tallies.load()).toEqual([
      { key: 'talk 2026-11-29 tenant acme', total: 13, untilMs: 9e12 },
    ]);
  });

  test('a node hears of a count that has the number of one that Redis has lost', async () => {
    const told = new Set<string>();
    b.tallies.onRemoteChange?.((totals) => {
      for (const each of totals) told.add(each.key);
    });
    const add = (name: string) => [{ key: name, add: 1, known: 0, untilMs: 9e12 }];
    await a.tallies.add(1, add('kept'), 1);
    const lose = await losable(admin, ['meta', ...KEYS].map(key));
    await a.tallies.add(2, add('lost'), 1);
    await eventually(() => told.has('lost'));
    const hears = deaf(b.tallies);
    await lose();
    for (const [batch, name] of ['of its number', 'later'].entries()) await a.tallies.add(3 + batch, add(name), 1);
    hears();
    await eventually(() => told.has('later'));
    expect([...told]).toContain('of its number');
  });

  test('the tokens of the last thousand writes are kept', async () => {
    await a.tallies.add(1, [{ key: 'talk', add: 1, known: 0, untilMs: 9e12 }], 1);
    await admin.hincrby(key('meta'), 'tallies', 999);
    await a.tallies.add(2, [{ key: 'talk', add: 1, known: 0, untilMs: 9e12 }], 1);
    expect(await admin.hkeys(key('tallies:tokens'))).toEqual(['1001']);
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
    // Whoever follows a node has read the last that it told.
    const { beat } = JSON.parse(line.slice(line.indexOf(' '))) as { readonly beat: number };
    const hasRead = ({ nodes }: Stores) =>
      nodes.others().some((other) => other.name === 'node-a' && other.beat === beat);
    await eventually(() => hasRead(b) && hasRead(c));
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
    const written = KEYS.map((name) => key(name));
    const id = await admin.hget(key('meta'), 'id');
    const late = [id ?? '', 'channel', ended ?? '', 1, 'token', 'talk', 10, 0, 9e12];
    expect(await admin.eval(ADD_TALLIES.text, 6, key('meta'), ...written, ...late)).toEqual(['116']);
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
});
