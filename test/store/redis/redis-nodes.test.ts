import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { keysOf } from '../../../src/store/redis/keys.ts';
import type { RedisLink } from '../../../src/store/redis/link.ts';
import { RedisNodes } from '../../../src/store/redis/redis-nodes.ts';
import { RecordingLog } from '../../sip/transport/recorder.ts';

/** By this machine's monotonic clock, and by that of Redis. */
let nowMs: number;
let redisMs: number;
let isAway: boolean;
/** How long an answer is on its way. */
let lateMs: number;
let nodes: RedisNodes;
/** What another node has told: how often, and when by the time of Redis. */
let other: { beat: number; toldMs: number } | undefined;
/** What more of them tell, by name, and what this one has told. */
let tellers: Record<string, object>;
let told: { readonly followed?: object };

beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  [nowMs, redisMs, isAway, lateMs] = [50_000, 1_700_000_000_000, false, 2];
  other = undefined;
  [tellers, told] = [{}, {}];
  const link = {
    run: async (_script: unknown, _keys: unknown, args: readonly unknown[]) => {
      told = JSON.parse(String(args[1]));
      if (isAway) throw new Error('command timed out');
      const answer = [Buffer.from(String(redisMs)), Buffer.from('')];
      if (other !== undefined) {
        const facts = JSON.stringify({ beat: other.beat, instance: 'i' });
        answer.push(...['other', String(other.toldMs), facts].map((text) => Buffer.from(text)));
      }
      for (const [name, facts] of Object.entries(tellers))
        answer.push(...[name, String(redisMs), JSON.stringify(facts)].map((text) => Buffer.from(text)));
      pass(lateMs);
      return answer;
    },
    command: async () => 1,
  };
  nodes = new RedisNodes({
    ...{ link: link as unknown as RedisLink, keys: keysOf('t:'), node: 'own', storeId: 's', version: () => 1 },
    clock: { nowMs: () => nowMs, wallMs: () => nowMs },
    log: new RecordingLog(),
  });
  nodes.announce(() => ({}));
  onTestFinished(() => nodes.close());
});

function pass(ms: number): void {
  nowMs += ms;
  redisMs += ms;
}

/** It tells of itself as it does twice a second. */
async function tell(times = 1): Promise<void> {
  for (let time = 0; time < times; time++) {
    pass(500);
    await vi.advanceTimersByTimeAsync(500);
  }
}

test('a node that tells of itself as ever is in no doubt', async () => {
  await tell(2);
  const { doubtedAtMs } = nodes.heard;
  lateMs = 300;
  await tell(20);
  expect(nodes.heard.doubtedAtMs).toBe(doubtedAtMs);
  expect(nodes.heard.atMs).toBe(nowMs - lateMs);
});

test('a process that tells as often as the one before it had is heard anew', async () => {
  const heard = () => nodes.others().map(({ instance, heardAtMs }) => [instance, heardAtMs]);
  tellers = { other: { beat: 1, instance: 'i' } };
  await tell(2);
  const before = nowMs - 500 - lateMs;
  expect(heard()).toEqual([['i', before]]);
  tellers = { other: { beat: 1, instance: 'j' } };
  await tell();
  expect(heard()).toEqual([['j', nowMs]]);
});

/** Before and after so many seconds. */
async function endedFor(name: string, seconds: number): Promise<boolean[]> {
  const before = nodes.hasEnded(name);
  await tell(seconds * 2);
  return [before, nodes.hasEnded(name)];
}

test('a node has ended only when it was missed for a minute, and no telling was', async () => {
  tellers = { b: { beat: 1 } };
  expect(await endedFor('gone', 59)).toEqual([false, false]);
  expect(await endedFor('gone', 2)).toEqual([false, true]);
  expect(nodes.hasEnded('b')).toBe(false);
  // Redis was away, and whoever tells first afterwards finds nobody.
  isAway = true;
  await tell(3);
  expect(nodes.hasEnded('gone')).toBe(true);
  await tell(3);
  expect(nodes.hasEnded('gone')).toBe(false);
  [isAway, tellers] = [false, {}];
  await tell();
  expect(nodes.others()).toEqual([]);
  expect(await endedFor('b', 58)).toEqual([false, false]);
  tellers = { b: { beat: 2 } };
  expect(await endedFor('gone', 3)).toEqual([false, true]);
  expect(nodes.hasEnded('b')).toBe(false);
  // A Redis that was emptied is not away for long.
  tellers = {};
  await tell();
  expect(await endedFor('b', 59)).toEqual([false, false]);
  expect(await endedFor('b', 2)).toEqual([false, true]);
});

test('a node that comes and goes keeps no other one from having ended', async () => {
  tellers = { dead: { beat: 1 }, loop: { beat: 1 } };
  await tell(130);
  for (let second = 0; second < 90; second += 30) {
    tellers = {};
    await tell(30);
    tellers = { loop: { beat: second } };
    await tell(30);
  }
  tellers = {};
  await tell();
  expect([nodes.hasEnded('dead'), nodes.hasEnded('loop')]).toEqual([true, false]);
  // It is missed anew each time.
  expect(await endedFor('loop', 59)).toEqual([false, false]);
  expect(await endedFor('loop', 2)).toEqual([false, true]);
});

test.each([
  ['stood still', () => pass(1_300)],
  ['was cut off', () => tellInVain()],
])(
  'one that %s may have lost its calls until it has asked, and that since 1.2 s before it was heard of again',
  async (_, be) => {
    await tell(4);
    await be();
    await tell();
    expect(nodes.heard).toMatchObject({ atMs: nowMs - lateMs, doubtedAtMs: nowMs - 1_200 });
    const { doubtedAtMs } = nodes.heard;
    await tell(20);
    expect(nodes.heard.doubtedAtMs).toBe(doubtedAtMs);
  },
);

async function tellInVain(): Promise<void> {
  isAway = true;
  await tell(3);
  isAway = false;
}

test('one whose monotonic clock stood while its machine was suspended finds that out from the time of Redis', async () => {
  await tell(4);
  redisMs += 1_300;
  await tell();
  expect(nodes.heard.doubtedAtMs).toBe(nowMs - lateMs);
  const { doubtedAtMs } = nodes.heard;
  await tell(20);
  expect(nodes.heard.doubtedAtMs).toBe(doubtedAtMs);
});

test('an answer that is late is no standstill of the clock', async () => {
  await tell(4);
  const { doubtedAtMs } = nodes.heard;
  lateMs = 690;
  await tell();
  lateMs = 2;
  await tell();
  expect(nodes.heard.doubtedAtMs).toBe(doubtedAtMs);
});

test('when another node told of itself is known by the time of Redis, not by when this one read it', async () => {
  await tell();
  other = { beat: 1, toldMs: redisMs + 100 };
  await tell();
  // 400 ms before it was read, and as old as that answer is late.
  const toldAtMs = nowMs - 400;
  expect(nodes.others()).toMatchObject([{ heardAtMs: nowMs, toldAtMs }]);
  await tell();
  expect(nodes.others()).toMatchObject([{ heardAtMs: nowMs - 502, toldAtMs }]);
});

test('a clock of Redis that jumps makes nobody silent who has just told of himself, nor one that has told in the future', async () => {
  other = { beat: 1, toldMs: redisMs };
  await tell(2);
  const askedAtMs = nowMs - lateMs;
  redisMs += 3_600_000;
  other = { beat: 2, toldMs: redisMs - 3_600_000 };
  await tell();
  expect(nodes.others()[0]?.toldAtMs).toBe(askedAtMs);
  other = { beat: 3, toldMs: redisMs + 60_000 };
  await tell();
  expect(nodes.others()[0]?.toldAtMs).toBe(nowMs);
});

test('calls of a node that goes on at this one count no more as its own, until it tells of itself again', async () => {
  tellers = {
    dead: { beat: 7, instance: 'a', calls: { 'trunk 1': 3 }, talking: { 'tenant acme': [3, 1_000] }, rates: {} },
  };
  await tell();
  const calls = () => nodes.others().map(({ name, calls: has, talking }) => [name, has, talking]);
  expect(calls()).toEqual([['dead', { 'trunk 1': 3 }, { 'tenant acme': [3, 1_000] }]]);
  nodes.followed('nobody');
  nodes.followed('dead');
  expect(calls()).toEqual([['dead', {}, {}]]);
  await tell();
  expect([calls(), told.followed]).toEqual([[['dead', {}, {}]], { dead: ['a', 7] }]);
  tellers = { dead: { beat: 8, instance: 'a', calls: { 'trunk 1': 1 } } };
  await tell(2);
  expect([calls(), told.followed]).toEqual([[['dead', { 'trunk 1': 1 }, undefined]], undefined]);
  nodes.followed('dead');
  // Another process of this name.
  tellers = { dead: { beat: 1, instance: 'b', calls: { 'trunk 1': 2 } } };
  await tell(2);
  expect([calls(), told.followed]).toEqual([[['dead', { 'trunk 1': 2 }, undefined]], undefined]);
});

test('the others hear with the new counts of who has gone on with a node’s calls that these are that one’s no more', async () => {
  const dead = { beat: 7, instance: 'a', calls: { 'trunk 1': 3 } };
  tellers = { dead, heir: { beat: 1, instance: 'h', calls: { 'trunk 1': 1 } } };
  await tell();
  const count = () => nodes.others().reduce((sum, { calls }) => sum + (calls?.['trunk 1'] ?? 0), 0);
  expect(count()).toBe(4);
  tellers = { dead, heir: { beat: 2, instance: 'h', calls: { 'trunk 1': 4 }, followed: { dead: ['a', 7] } } };
  await tell();
  expect(count()).toBe(4);
  // One that stood still, and lives: what it tells from now on is its own.
  tellers = { ...tellers, dead: { ...dead, beat: 8, calls: { 'trunk 1': 2 } } };
  await tell();
  expect(count()).toBe(6);
});
