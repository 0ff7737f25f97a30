import { expect, test } from 'vitest';
import type { SendResult } from '../../src/messages/cloud-api.ts';
import { type CloudError, verdictOf } from '../../src/messages/cloud-errors.ts';
import { heardKey } from '../../src/messages/keeper.ts';
import type { Message } from '../../src/messages/message.ts';
import { Outbound } from '../../src/messages/outbound.ts';
import { directoryOf, keeperWorld, numberIn, silentLog, USER } from './world.ts';

const sent: SendResult = { kind: 'sent', remoteId: 'wamid.A' };
const refused = (code: number): SendResult => {
  const error: CloudError = { code, message: `code ${code}` };
  return { kind: 'error', error, verdict: verdictOf(error) };
};

function outboundWorld() {
  const { keeper, scheduler, store } = keeperWorld();
  const number = numberIn(directoryOf());
  const asked: string[] = [];
  const tokens: (number | undefined)[] = [];
  const state = { answer: sent as SendResult, number: number as typeof number | undefined };
  const outbound = new Outbound({
    keeper,
    clock: scheduler,
    log: silentLog,
    numberOf: () => state.number,
    api: {
      send: async (_settings: unknown, { reference }: { reference: string }) => {
        asked.push(reference);
        return state.answer;
      },
      markRead: async () => state.answer,
    } as never,
    onChange: () => {},
    onToken: (_id, error) => void tokens.push(error?.code),
    onCloudError: () => {},
  });
  const add = async (changes: Partial<Message> = {}) => {
    const message: Message = {
      kind: 'message',
      id: `m${store.rows.size}`,
      tenant: 'acme',
      trunkId: '7',
      createdMs: scheduler.wallMs(),
      expiresMs: scheduler.wallMs() + 600_000,
      attempts: 0,
      revision: 1,
      direction: 'outbound',
      number: '14155550160',
      peer: USER,
      content: { type: 'text', text: 'x' },
      state: 'queued',
      recipients: [],
      ...changes,
    };
    await keeper.add(message, true);
    return message;
  };
  const kept = async (id: string) => (await keeper.get(id)) as Message;
  return { outbound, add, kept, asked, tokens, state, scheduler, store };
}

test('one that is taken has its id, and is not sent again', async () => {
  const { outbound, add, kept, asked } = outboundWorld();
  const message = await add();
  expect(await outbound.send(message, false)).toMatchObject({ kind: 'sent' });
  expect(await outbound.send(message, false)).toMatchObject({ kind: 'sent' });
  expect([asked, (await kept(message.id)).remoteId]).toEqual([[message.id], 'wamid.A']);
});

test('an answer that is lost: in doubt for 20 s, then sent again unless a notification has settled it', async () => {
  const { outbound, add, kept, asked, state, scheduler } = outboundWorld();
  state.answer = { kind: 'unknown', reason: 'reset' };
  const message = await add();
  expect(await outbound.send(message, true)).toEqual({ kind: 'waits' });
  expect((await kept(message.id)).state).toBe('sending');
  state.answer = sent;
  await outbound.send(message, false);
  expect(asked).toHaveLength(1);
  scheduler.advance(20_001);
  await outbound.send(message, false);
  expect(asked).toHaveLength(2);
});

test('nobody reached: queued, later and later', async () => {
  const { outbound, add, kept, state, scheduler } = outboundWorld();
  state.answer = { kind: 'unreached', reason: 'refused' };
  const message = await add();
  const waits: number[] = [];
  for (let at = 0; at < 3; at++) {
    await outbound.send(message, false);
    waits.push(((await kept(message.id)).retryMs ?? 0) - scheduler.wallMs());
    scheduler.advance(400_000 / 3);
  }
  expect(waits[0]).toBeLessThan(waits[1] ?? 0);
  expect((await kept(message.id)).state).toBe('queued');
});

test.each([
  [130429, true, 503, 'failed'],
  [131056, true, 503, 'failed'],
  [130429, false, undefined, 'queued'],
  [131056, false, undefined, 'queued'],
  [131047, false, 403, 'failed'],
  [131026, true, 404, 'failed'],
  [190, true, 503, 'failed'],
  [190, false, undefined, 'queued'],
] as const)('code %i, somebody waits: %s', async (code, isAwaited, status, state) => {
  const { outbound, add, kept, state: world } = outboundWorld();
  world.answer = refused(code);
  const message = await add();
  const result = await outbound.send(message, isAwaited);
  expect(result).toMatchObject(status === undefined ? { kind: 'waits' } : { kind: 'refused', status });
  expect((await kept(message.id)).state).toBe(state);
});

test('131056 holds what is for one user, 130429 all of the number, a token that is good again nobody', async () => {
  const { outbound, add, asked, state } = outboundWorld();
  state.answer = refused(131056);
  await outbound.send(await add(), false);
  state.answer = sent;
  await outbound.send(await add(), false);
  expect(asked).toHaveLength(1);
  await outbound.send(await add({ peer: '12015550999' }), false);
  expect(asked).toHaveLength(2);
  state.answer = refused(190);
  await outbound.send(await add({ peer: '12015550998' }), false);
  state.answer = sent;
  await outbound.send(await add({ peer: '12015550997' }), false);
  expect(asked).toHaveLength(3);
  outbound.resume('7');
  await outbound.send(await add({ peer: '12015550996' }), false);
  expect(asked).toHaveLength(4);
});

test('the window is looked at here where it is known to be closed; a template passes', async () => {
  const { outbound, add, asked, store, scheduler } = outboundWorld();
  await store.add([], [{ key: heardKey('7', USER), atMs: scheduler.wallMs() - 86_400_001 }]);
  expect(await outbound.send(await add(), true)).toMatchObject({ kind: 'refused', status: 403 });
  expect(asked).toEqual([]);
  const template = { type: 'template', name: 'hello', language: 'en', parameters: [] } as const;
  expect(await outbound.send(await add({ content: template }), true)).toMatchObject({ kind: 'sent' });
});

test('too old, and a trunk that is gone', async () => {
  const { outbound, add, kept, state, scheduler } = outboundWorld();
  const old = await add();
  scheduler.advance(600_001);
  await outbound.send(old, false);
  expect((await kept(old.id)).state).toBe('expired');
  state.number = undefined;
  const orphan = await add();
  expect(await outbound.send(orphan, false)).toMatchObject({ kind: 'refused', status: 503 });
  expect((await kept(orphan.id)).state).toBe('failed');
});

test('a trunk of another tenant, with the id of one that is gone, sends nothing that waited for that one', async () => {
  const { outbound, add, kept, asked, state } = outboundWorld();
  const waiting = await add();
  const { tenant } = numberIn(directoryOf());
  state.number = { ...numberIn(directoryOf()), tenant: { ...tenant, name: 'globex' } };
  expect(await outbound.send(waiting, false)).toMatchObject({ kind: 'refused', status: 503 });
  expect([asked, (await kept(waiting.id)).state]).toEqual([[], 'failed']);
});
