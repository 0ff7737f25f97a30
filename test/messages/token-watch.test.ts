import { expect, test } from 'vitest';
import type { CloudError } from '../../src/messages/cloud-errors.ts';
import { type TokenHealth, TokenWatch } from '../../src/messages/token-watch.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { directoryOf, numberIn, turn } from './world.ts';

function watchWorld() {
  const scheduler = new VirtualScheduler();
  const told: string[] = [];
  const state = { number: numberIn(directoryOf()), answer: undefined as CloudError | Error | undefined, asked: 0 };
  const watch = new TokenWatch({
    scheduler,
    api: {
      check: async () => {
        state.asked++;
        if (state.answer instanceof Error) throw state.answer;
        return state.answer;
      },
    } as never,
    numbers: () => [state.number],
    onHealth: (id: string, { state: name, code }: TokenHealth) => void told.push(`${id} ${name} ${code ?? ''}`.trim()),
  });
  const pass = async (ms: number) => {
    scheduler.advance(ms);
    await turn();
  };
  return { watch, state, told, pass };
}

test('a token is asked about at the start, every five minutes while it is good, every thirty seconds while it is not', async () => {
  const { watch, state, told, pass } = watchWorld();
  watch.apply();
  await pass(1);
  expect([state.asked, told]).toEqual([1, ['7 online 200']]);
  await pass(299_000);
  expect(state.asked).toBe(1);
  state.answer = { code: 190, message: 'expired' };
  await pass(2_000);
  expect(told.at(-1)).toBe('7 offline 190');
  await pass(31_000);
  expect(state.asked).toBe(3);
  state.answer = undefined;
  await pass(31_000);
  expect(told).toEqual(['7 online 200', '7 offline 190', '7 online 200']);
  watch.stop();
});

test('an API that cannot be reached, and one that cannot say', async () => {
  const { watch, state, told, pass } = watchWorld();
  state.answer = new Error('connect ECONNREFUSED');
  watch.apply();
  await pass(1);
  state.answer = { code: 130429, message: 'too many' };
  await pass(31_000);
  expect(told).toEqual(['7 offline', '7 unknown 130429']);
  watch.stop();
});

test('an answer to a message says what the token is worth; an error about the message says nothing of it', async () => {
  const { watch, told, pass } = watchWorld();
  watch.apply();
  await pass(1);
  watch.heard('7', { code: 131026, message: 'nobody' });
  watch.heard('7', { code: 190, message: 'revoked' });
  watch.heard('7', undefined);
  watch.heard('8', { code: 190, message: 'of another' });
  expect(told).toEqual(['7 online 200', '7 offline 190', '7 online 200']);
  watch.stop();
});

test('what another process has learnt is known here and not told again; what is heard here afterwards is news', async () => {
  const { watch, state, told, pass } = watchWorld();
  watch.apply();
  await pass(1);
  watch.learned('7', { state: 'offline', code: 190, reason: 'revoked' });
  watch.learned('8', { state: 'offline', code: 190, reason: 'of another' });
  expect(told).toEqual(['7 online 200']);
  watch.heard('7', undefined);
  expect(told).toEqual(['7 online 200', '7 online 200']);
  watch.learned('7', { state: 'offline', code: 190, reason: 'revoked' });
  await pass(31_000);
  expect(state.asked).toBe(2);
  expect(told).toHaveLength(3);
  watch.stop();
});

test.each(['learned from another process', 'heard with a message'])(
  'what was %s while the token was asked about stays: the answer is older',
  async (how) => {
    const { watch, state, told, pass } = watchWorld();
    watch.apply();
    await pass(1);
    const checked = watch.check(state.number);
    if (how === 'heard with a message') watch.heard('7', { code: 190, message: 'revoked' });
    else watch.learned('7', { state: 'offline', code: 190, reason: 'revoked' });
    await checked;
    const before = told.splice(0);
    expect(before.filter((each) => each.includes('online'))).toHaveLength(1);
    await pass(31_000);
    expect([state.asked, told]).toEqual([3, ['7 online 200']]);
    watch.stop();
  },
);

test('a new token is asked about at once', async () => {
  const { watch, state, pass } = watchWorld();
  watch.apply();
  await pass(1);
  watch.apply();
  await pass(1);
  expect(state.asked).toBe(1);
  state.number = numberIn(directoryOf({ accessToken: 'token-2' }));
  watch.apply();
  await pass(1);
  expect(state.asked).toBe(2);
  watch.stop();
});
