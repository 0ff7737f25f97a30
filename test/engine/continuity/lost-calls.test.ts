import { beforeEach, expect, test } from 'vitest';
import { LostCalls, type Said } from '../../../src/engine/continuity/lost-calls.ts';
import type { TakenThere } from '../../../src/engine/continuity/peer-question.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

const ADDRESSES: Record<string, string> = { two: '192.0.2.2', three: '192.0.2.3', gone: '192.0.2.4' };

let names: string[];
/** Of those, in the roster. */
let listed: string[];
/** Questions with what answers them. */
let asked: { readonly name: string; answer(taken: TakenThere | undefined): void }[];
let lost: string[];
let calls: LostCalls;
let time: VirtualScheduler;
let heardAtMs: number;

beforeEach(() => {
  [names, listed, asked, lost] = [['gone', 'two', 'three'], ['two', 'three'], [], []];
  time = new VirtualScheduler();
  heardAtMs = time.nowMs();
  time.advance(2_000);
  calls = new LostCalls({
    clock: time,
    known: {
      latestNames: () => names,
      isListed: (name) => listed.includes(name),
      lastAddressOf: (name) => {
        const address = ADDRESSES[name];
        return address === undefined ? undefined : { transport: 'udp', address, port: 5060 };
      },
      signs: () => true,
    },
    questions: {
      taken: ({ name }, sinceMs, withinMs) => {
        expect([sinceMs, withinMs]).toEqual([time.nowMs() - heardAtMs, 500]);
        return new Promise((resolve) => asked.push({ name, answer: resolve }));
      },
    },
    writer: { lose: (ids) => lost.push(...ids) },
  });
});

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** What a question comes to; undefined: it is still waited for. */
async function outcome(isReached: boolean | 'by its answer' = true) {
  let said: Said | undefined;
  const isReachedBy = (isAnswered: boolean) => (isReached === 'by its answer' ? isAnswered : isReached);
  void calls.ask({ heardAtMs, withinMs: 500, isReached: isReachedBy }).then((answer) => (said = answer));
  await settle();
  return () => said;
}

async function say(name: string, ids: readonly string[] | undefined, isWhole = true): Promise<void> {
  const at = asked.findIndex((question) => question.name === name);
  asked.splice(at, 1)[0]?.answer(ids && { ids, isWhole });
  await settle();
}

test('it is sure when all that the store knew of have answered; what they have is lost at once', async () => {
  const said = await outcome();
  expect(asked.map(({ name }) => name)).toEqual(['gone', 'two', 'three']);
  await say('two', ['a', 'b']);
  expect([said(), lost]).toEqual([undefined, ['a', 'b']]);
  await say('three', []);
  expect([said(), lost]).toEqual(['sure', ['a', 'b']]);
  // One that was in no roster is asked as well, and heard when it answers.
  await say('gone', ['c']);
  expect(lost).toEqual(['a', 'b', 'c']);
});

test('one that does not answer is waited for once, and asked on; when it has answered it counts again', async () => {
  const first = await outcome();
  await say('two', []);
  await say('three', undefined);
  expect(first()).toBe('unsure');
  const second = await outcome();
  await say('two', []);
  expect([second(), asked.map(({ name }) => name)]).toEqual(['sure', ['gone', 'gone', 'three']]);
  await say('three', ['a']);
  expect(lost).toEqual(['a']);
  const third = await outcome();
  await say('two', []);
  expect(third()).toBeUndefined();
});

test('one that has said only a part of them has not said which: that part is lost, and it is waited for again', async () => {
  const first = await outcome();
  await say('two', []);
  await say('three', ['a'], false);
  expect([first(), lost]).toEqual(['unsure', ['a']]);
  const second = await outcome();
  await say('two', []);
  expect(second()).toBeUndefined();
  await say('three', ['a', 'b']);
  expect([second(), lost]).toEqual(['sure', ['a', 'a', 'b']]);
});

test('one that did not answer before the store heard of this node again is waited for like any other', async () => {
  const first = await outcome();
  await say('two', []);
  await say('three', undefined);
  expect(first()).toBe('unsure');
  const second = await outcome();
  heardAtMs = time.nowMs();
  time.advance(5_000);
  const third = await outcome();
  await say('three', undefined);
  await say('two', []);
  await say('two', []);
  expect([second(), third()]).toEqual(['sure', undefined]);
  await say('three', ['a']);
  expect([third(), lost]).toEqual(['sure', ['a']]);
});

test('while nothing comes from the network, one that does not answer need not have ended', async () => {
  const first = await outcome(false);
  await say('two', undefined);
  await say('three', undefined);
  expect(first()).toBe('unheard');
  const second = await outcome();
  expect(second()).toBeUndefined();
});

test('that another one answers tells that this node is reached: who is silent then has ended', async () => {
  const first = await outcome('by its answer');
  await say('two', undefined);
  await say('three', undefined);
  expect(first()).toBe('unheard');
  const second = await outcome('by its answer');
  await say('two', []);
  await say('three', undefined);
  expect(second()).toBe('unsure');
  const third = await outcome('by its answer');
  await say('two', []);
  expect(third()).toBe('sure');
});

test('with nobody who could answer it is not sure', async () => {
  listed = [];
  expect((await outcome())()).toBe('unsure');
  names = ['nowhere'];
  listed = ['nowhere'];
  expect((await outcome())()).toBe('unheard');
  expect(calls.hasOthers).toBe(true);
  names = [];
  expect(calls.hasOthers).toBe(false);
});
