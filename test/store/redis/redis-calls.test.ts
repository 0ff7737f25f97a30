import { beforeEach, expect, test } from 'vitest';
import { Keys } from '../../../src/store/redis/keys.ts';
import type { RedisLink } from '../../../src/store/redis/link.ts';
import { RedisCalls } from '../../../src/store/redis/redis-calls.ts';

/** A Redis whose answers come, or are lost, when the test says so. */
class Answers {
  readonly asked: { readonly what: string; readonly answer: (value: unknown) => void; readonly lose: () => void }[] =
    [];

  command(name: string, ...args: unknown[]): Promise<unknown> {
    return this.#ask([name, ...args].join(' '));
  }

  run(_script: unknown, keys: readonly string[]): Promise<unknown> {
    return this.#ask(`run ${keys.join(' ')}`);
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

const keys = new Keys('t:');
const octets = (...texts: string[]) => texts.map((text) => Buffer.from(text));
const alive = octets('other', '5 x 5', 'own', '5 y 5', 'gone', '0 -z 0');

let redis: Answers;
let calls: RedisCalls;
beforeEach(() => {
  redis = new Answers();
  calls = new RedisCalls(redis as unknown as RedisLink, keys, 'own', () => 0);
});

async function holders(): Promise<readonly string[]> {
  const asked = calls.shared.holders();
  (await redis.next('HGETALL')).answer(alive);
  return asked;
}

const taken = (node: string) => calls.shared.take(node, 1_300);

test('of two nodes whose calls are taken at once the answer about one is lost, whichever comes first: they are looked for', async () => {
  for (const isLostFirst of [true, false]) {
    calls = new RedisCalls(redis as unknown as RedisLink, keys, 'own', () => 0);
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
  (await redis.next('HGETALL')).answer(octets('missed', '{}'));
  expect(await look).toEqual([{ id: 'missed', document: '{}' }]);
  expect(await holders()).toEqual(['own', 'other']);
  const again = taken('own').catch(() => 'lost');
  (await redis.next('HGETALL')).lose();
  expect(await again).toBe('lost');
  expect(await holders()).toEqual(['own', 'other']);
  const last = taken('own');
  (await redis.next('HGETALL')).answer([]);
  expect(await last).toEqual([]);
  expect(await holders()).toEqual(['other']);
});

test('a call is claimed from others, and is elsewhere only with others, while own calls are looked for', async () => {
  const lost = taken('one').catch(() => 'lost');
  (await redis.next('calls:one')).lose();
  await lost;
  const claimed = calls.shared.claim(['call']);
  (await redis.next('HGETALL')).answer(alive);
  const removal = await redis.next('HDEL');
  expect(removal.what).toBe(`HDEL ${keys.callsOf('other')} call`);
  removal.answer(1);
  await claimed;
  const elsewhere = calls.shared.isElsewhere('call');
  (await redis.next('HGETALL')).answer(alive);
  (await redis.next(`HEXISTS ${keys.callsOf('other')}`)).answer(0);
  expect(await elsewhere).toBe(false);
  expect(redis.asked).toEqual([]);
});
