import { afterEach, beforeEach, expect, test } from 'vitest';
import { CallsFirst } from '../../src/api/calls-first.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { ask, startTestApi, type TestApi } from './kit.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function turns(count: number): Promise<void> {
  for (let index = 0; index < count; index++) await turn();
}

let clock: VirtualScheduler;
let callsWait: boolean;
let gone: string[];
let calls: CallsFirst;
beforeEach(() => {
  clock = new VirtualScheduler();
  callsWait = false;
  gone = [];
  calls = new CallsFirst(clock, () => callsWait);
});

const come = (name: string) => void calls.turn().then(() => gone.push(name));

test('one request a turn of the event loop, in the order in which they came', async () => {
  for (const name of ['a', 'b', 'c']) come(name);
  await Promise.resolve();
  expect(gone).toEqual([]);
  await turn();
  expect(gone).toEqual(['a']);
  await turns(2);
  expect(gone).toEqual(['a', 'b', 'c']);
});

test('none while calls wait, and all once they do not', async () => {
  callsWait = true;
  come('a');
  come('b');
  await turns(20);
  expect(gone).toEqual([]);
  callsWait = false;
  await turns(3);
  expect(gone).toEqual(['a', 'b']);
});

test('a request goes on after a second whatever waits', async () => {
  callsWait = true;
  come('a');
  clock.advance(500);
  come('b');
  clock.advance(499);
  await turns(5);
  expect(gone).toEqual([]);
  clock.advance(1);
  await turns(5);
  expect(gone).toEqual(['a']);
  clock.advance(500);
  await turns(5);
  expect(gone).toEqual(['a', 'b']);
});

let world: TestApi | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

test('a token is looked at after calls, wrong ones too; probes are answered however busy the node is', async () => {
  callsWait = true;
  world = await startTestApi({ callsWait: () => callsWait });
  const answers: string[] = [];
  const asked = (['system', 'wrong'] as const).map(async (token) => {
    const { status } = await ask(
      world as TestApi,
      token === 'system' ? world?.tokens.system : 'wrong',
      'GET',
      '/api/v1/tenants',
    );
    answers.push(`${token} ${status}`);
  });
  for (const url of ['/healthz', '/readyz']) expect((await ask(world, undefined, 'GET', url)).status).toBe(200);
  await turns(50);
  expect(answers).toEqual([]);
  callsWait = false;
  await Promise.all(asked);
  expect(answers.toSorted()).toEqual(['system 200', 'wrong 401']);
});
