import { beforeEach, expect, test } from 'vitest';
import { CallsForgotten, CallsTaken, type StoreContact } from '../../../src/call/index.ts';
import { BEGIN_CALLS } from '../../../src/store/redis/call-scripts.ts';
import { keysOf } from '../../../src/store/redis/keys.ts';
import type { RedisLink } from '../../../src/store/redis/link.ts';
import { RedisCalls } from '../../../src/store/redis/redis-calls.ts';

/** A Redis whose answers come, or are lost, when the test says so. */
class Answers {
  readonly asked: { readonly what: string; readonly answer: (value: unknown) => void; readonly lose: () => void }[] =
    [];

  command(name: string, ...args: unknown[]): Promise<unknown> {
    return this.#ask([name, ...args].join(' '));
  }

  run(script: unknown, keys: readonly string[]): Promise<unknown> {
    if (script === BEGIN_CALLS) return Promise.resolve(Buffer.from('1 1'));
    return this.#ask(`run ${keys.join(' ')}`);
  }

  isReady = true;
  contact: StoreContact = 'silent';

  /** Without waiting. */
  async ready(withinMs: number): Promise<boolean> {
    if (!this.isReady) nowMs += withinMs;
    return this.isReady;
  }

  #ask(what: string): Promise<unknown> {
    return new Promise((answer, reject) => {
      this.asked.push({ what, answer, lose: () => reject(new Error('command timed out')) });
    });
  }

  /** The oldest question that names something. */
  async next(what: string) {
    for (let turn = 0; turn < 10; turn++) {
      const at = this.asked.findIndex((asked) => asked.what.includes(what));
      const [found] = at < 0 ? [] : this.asked.splice(at, 1);
      if (found !== undefined) return found;
      await Promise.resolve();
    }
    throw new Error(`nobody asked for ${what}`);
  }
}

const keys = keysOf('t:');
const octets = (...texts: string[]) => texts.map((text) => Buffer.from(text));
const alive = octets('other', '5 x 5', 'own', '5 y 5', 'gone', '0 -z 0');
const silent = octets('other', '700');
/** For what has come without an answer. */
const LOOK = `run ${keys.callsOf('own')} ${keys.callsOrder}`;

/** By the monotonic clock. */
let nowMs: number;
/** What the roster knows. */
let told: { atMs: number; doubtedAtMs: number; missedAtMs: number };

const callsOf = (answers: Answers) =>
  new RedisCalls({
    link: answers as unknown as RedisLink,
    keys,
    node: 'own',
    clock: { nowMs: () => nowMs, wallMs: () => nowMs },
    roster: {
      clockOffsetMs: 0,
      get heard() {
        return told;
      },
    },
  });

let redis: Answers;
let calls: RedisCalls;
beforeEach(() => {
  nowMs = 10_000;
  told = { atMs: 5_000, doubtedAtMs: Number.NEGATIVE_INFINITY, missedAtMs: 4_000 };
  redis = new Answers();
  calls = callsOf(redis);
});

async function holders(): Promise<readonly string[]> {
  const asked = calls.shared.holders();
  (await redis.next(`run ${keys.nodes} ${keys.callsAlive}`)).answer(silent);
  return (await asked).map(({ name }) => name);
}

test('of nodes that have calls there it says how long each has been silent, for ever of one that has left', async () => {
  const asked = calls.shared.holders();
  (await redis.next(`run ${keys.nodes} ${keys.callsAlive}`)).answer(octets('other', '712', 'left', '-1'));
  expect(await asked).toEqual([
    { name: 'other', silentMs: 712 },
    { name: 'left', silentMs: Number.POSITIVE_INFINITY },
  ]);
});

const taken = (node: string) => calls.shared.take(node, 1_300);

test('of two nodes whose calls are taken at once the answer about one is lost, whichever comes first: they are looked for', async () => {
  for (const isLostFirst of [true, false]) {
    calls = callsOf(redis);
    const [one, two] = [taken('one'), taken('two').catch(() => 'lost')];
    const [ofOne, ofTwo] = [await redis.next('calls:one'), await redis.next('calls:two')];
    if (isLostFirst) ofTwo.lose();
    if (isLostFirst) await two;
    ofOne.answer(octets('call', '{}'));
    expect(await one).toEqual([{ id: 'call', document: '{}' }]);
    if (!isLostFirst) ofTwo.lose();
    expect(await two).toBe('lost');
    expect(await holders()).toEqual(['own', 'other']);
  }
});

test('an answer that is lost while they are looked for, and that of the look itself, is not forgotten', async () => {
  const first = taken('one').catch(() => 'lost');
  (await redis.next('calls:one')).lose();
  await first;
  const look = taken('own');
  const second = taken('two').catch(() => 'lost');
  (await redis.next('calls:two')).lose();
  await second;
  (await redis.next(LOOK)).answer(octets('missed', '{}'));
  expect(await look).toEqual([{ id: 'missed', document: '{}' }]);
  expect(await holders()).toEqual(['own', 'other']);
  const again = taken('own').catch(() => 'lost');
  (await redis.next(LOOK)).lose();
  expect(await again).toBe('lost');
  expect(await holders()).toEqual(['own', 'other']);
  const last = taken('own');
  (await redis.next(LOOK)).answer([]);
  expect(await last).toEqual([]);
  expect(await holders()).toEqual(['other']);
});

test('a call is claimed from others, and is elsewhere only with others, while own calls are looked for', async () => {
  const lost = taken('one').catch(() => 'lost');
  (await redis.next('calls:one')).lose();
  await lost;
  const claimed = calls.shared.claim(['call']);
  (await redis.next('HGETALL')).answer(alive);
  const removal = await redis.next('run');
  expect(removal.what).toBe(`run ${keys.callsOf('other')} ${keys.takenOf('other')} ${keys.takenOf('own')}`);
  removal.answer(1);
  await claimed;
  const fate = calls.fate({ id: 'call', process: 'p', answeredAtMs: 1 });
  (await redis.next('HGETALL')).answer(alive);
  (await redis.next(`ZSCORE ${keys.callsOver} call`)).answer(null);
  (await redis.next(`HGET ${keys.callsWhole} p`)).answer(null);
  (await redis.next(`HEXISTS ${keys.callsOf('other')}`)).answer(0);
  expect(await fate).toBe('unknown');
  expect(redis.asked).toEqual([]);
});

test('the store has heard of the node when it began to write, or when it told of itself, whichever was later', async () => {
  expect(calls.shared.heard()).toEqual({ atMs: 5_000, isInDoubt: false, missedAtMs: 4_000, contact: 'silent' });
  const written = calls.write({ put: [], remove: [], aliveAtMs: 1 });
  const asked = await redis.next(keys.callsAlive);
  nowMs = 10_200;
  asked.answer(1);
  await written;
  expect(calls.shared.heard().atMs).toBe(10_000);
  const lost = calls.write({ put: [], remove: [], aliveAtMs: 1 }).catch(() => 'lost');
  nowMs = 12_000;
  (await redis.next(keys.callsAlive)).lose();
  await lost;
  const refused = calls.write({ put: [], remove: [], aliveAtMs: 1 }).catch((error: Error) => error);
  (await redis.next(keys.callsAlive)).answer([]);
  expect(await refused).toBeInstanceOf(CallsTaken);
  expect(calls.shared.heard().atMs).toBe(10_000);
  told = { ...told, atMs: 12_500, missedAtMs: 11_000 };
  redis.contact = 'reached';
  expect(calls.shared.heard()).toEqual({ atMs: 12_500, isInDoubt: false, missedAtMs: 11_000, contact: 'reached' });
});

test('of its calls those count as taken that Redis names, and where it names none any more, all that it has not, but for those of the same write', async () => {
  const call = (id: string) => ({ id, document: '{}' });
  const write = (ids: string[]) =>
    calls.write({ put: ids.map(call), remove: [], aliveAtMs: 1 }).catch((error: unknown) => error);
  const told = async (ids: string[], ...answer: string[]) => {
    const written = write(ids);
    (await redis.next(keys.callsAlive)).answer(octets(...answer));
    return [...((await written) as CallsTaken).taken];
  };
  const lost = write(['lost', 'taken', 'left']);
  (await redis.next(keys.callsAlive)).lose();
  await lost;
  expect(await told(['new'], 'taken', '', 'taken', 'of-others')).toEqual(['taken']);
  expect(await told(['latest'], 'left', 'left')).toEqual(['lost', 'new']);
  expect(redis.asked).toEqual([]);
});

test('a look for what has come finds nothing to remove while calls may be on their way here', async () => {
  const taking = taken('one');
  const answer = await redis.next('calls:one');
  const written = calls.write({ put: [], remove: [], aliveAtMs: 1 }).catch((error: unknown) => error);
  (await redis.next(keys.callsWhole)).answer(2);
  (await redis.next('HKEYS')).answer(octets('moved', 'stale'));
  expect(await written).toBeInstanceOf(CallsForgotten);
  answer.answer(octets('moved', '{}'));
  expect(await taking).toEqual([{ id: 'moved', document: '{}' }]);
  expect(await holders()).toEqual(['own', 'other']);
  const look = taken('own');
  (await redis.next(LOOK)).answer(octets('moved', '{}', 'stale', '{}'));
  expect(await look).toEqual([{ id: 'stale', document: '{}' }]);
  expect(await holders()).toEqual(['other']);
});

test('a node that was silent too long is in doubt until a write that began later was answered, whatever the answer', async () => {
  const isInDoubt = () => calls.shared.heard().isInDoubt;
  for (const answer of [1, []]) {
    const early = calls.write({ put: [], remove: [], aliveAtMs: 1 }).catch(() => {});
    const asked = await redis.next(keys.callsAlive);
    nowMs += 6_000;
    told = { ...told, atMs: nowMs, doubtedAtMs: nowMs - 1_200 };
    expect(isInDoubt()).toBe(true);
    asked.answer(1);
    await early;
    expect(isInDoubt()).toBe(true);
    const lost = calls.write({ put: [], remove: [], aliveAtMs: 1 }).catch(() => {});
    (await redis.next(keys.callsAlive)).lose();
    await lost;
    expect(isInDoubt()).toBe(true);
    const later = calls.write({ put: [], remove: [], aliveAtMs: 1 }).catch(() => {});
    (await redis.next(keys.callsAlive)).answer(answer);
    await later;
    expect(isInDoubt()).toBe(false);
  }
});

test('whether Redis answers again is asked until it does, or the time is over', async () => {
  redis.isReady = true;
  const asked = calls.shared.answers(1_000);
  (await redis.next('PING')).lose();
  (await soon(() => redis.next('PING'))).answer('PONG');
  expect(await asked).toBe(true);
  redis.isReady = false;
  expect(await calls.shared.answers(1_000)).toBe(false);
});

/** What comes after a pause. */
async function soon<T>(look: () => Promise<T>): Promise<T> {
  for (let turn = 0; turn < 200; turn++) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('it did not come');
}
