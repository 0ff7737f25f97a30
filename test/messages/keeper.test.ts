import { expect, test } from 'vitest';
import { Keeper } from '../../src/messages/keeper.ts';
import type { Message } from '../../src/messages/message.ts';
import { keeperWorld } from './world.ts';

const message = (scheduler: { wallMs(): number }, changes: Partial<Message> = {}): Message => ({
  kind: 'message',
  id: 'm',
  tenant: 'acme',
  trunkId: '7',
  createdMs: scheduler.wallMs(),
  expiresMs: scheduler.wallMs() + 1_000_000,
  attempts: 0,
  revision: 1,
  direction: 'inbound',
  number: '1',
  peer: '2',
  content: { type: 'text', text: 'x' },
  state: 'received',
  recipients: [{ number: '101', state: 'waiting' }],
  remoteId: 'wamid.A',
  ...changes,
});

test('what is there is not added again, and is found by its id at WhatsApp', async () => {
  const { keeper, scheduler } = keeperWorld();
  expect(await keeper.add(message(scheduler), true)).toBe(true);
  expect(await keeper.add(message(scheduler), true)).toBe(false);
  expect(await keeper.byRemoteId('7', 'wamid.A')).toMatchObject({ id: 'm' });
  expect(await keeper.byRemoteId('8', 'wamid.A')).toBeUndefined();
});

test('two that change it at once: both changes are there', async () => {
  const { keeper, scheduler, store } = keeperWorld();
  await keeper.add(message(scheduler), false);
  await Promise.all([
    keeper.update<Message>('m', false, (kept) => ({ ...kept, readMs: 1 })),
    keeper.update<Message>('m', false, (kept) => ({ ...kept, deliveredMs: 2 })),
  ]);
  expect(await keeper.get('m')).toMatchObject({ readMs: 1, deliveredMs: 2, revision: 3 });
  expect(store.rows.get('m')?.revision).toBe(3);
});

test('a held one is claimed by nobody else until its hold has run out, by its own node at the start', async () => {
  const { keeper, scheduler, store } = keeperWorld();
  await keeper.add(message(scheduler), true);
  expect(await keeper.claim(10)).toEqual([]);
  scheduler.advance(1);
  const again = new Keeper({ store, clock: scheduler, node: 'n1', bytesPerTenant: 1_000_000 });
  expect(await again.claim(10)).toHaveLength(1);
  expect(await again.claim(10)).toEqual([]);
  scheduler.advance(91_000);
  expect(await keeper.claim(10)).toHaveLength(1);
});

test('one that waits for a phone is claimed for that phone, due or not; one that is done for none', async () => {
  const { keeper, scheduler } = keeperWorld();
  await keeper.add(message(scheduler, { retryMs: scheduler.wallMs() + 900_000 }), false);
  expect(await keeper.claim(10)).toEqual([]);
  expect(await keeper.claimWaiting('acme', '102', 10)).toEqual([]);
  expect(await keeper.claimWaiting('acme', '101', 10)).toHaveLength(1);
  await keeper.update<Message>('m', false, (kept) => ({
    ...kept,
    state: 'delivered',
    recipients: [{ number: '101', state: 'delivered' }],
  }));
  expect(await keeper.claimWaiting('acme', '101', 10)).toEqual([]);
});

test('a store that is away is told to whoever asks', async () => {
  const { keeper, scheduler, store } = keeperWorld();
  store.isBroken = true;
  await expect(keeper.add(message(scheduler), true)).rejects.toThrow('away');
  await expect(keeper.get('m')).rejects.toThrow('away');
});

test('what one tenant adds in an hour is bounded in octets; others add theirs, and it goes on an hour later', async () => {
  const { keeper, scheduler } = keeperWorld(4_096);
  let count = 0;
  const add = (tenant: string) => keeper.add(message(scheduler, { tenant, id: `m${count++}` }), false);
  while (count < 50 && (await add('acme').catch(() => false)));
  expect([count > 5, count < 20]).toEqual([true, true]);
  await expect(add('acme')).rejects.toThrow('tenant acme has what it may store in an hour (messages.bytesPerTenant)');
  // What is there is changed all the same, and known when it comes again.
  expect(await keeper.add(message(scheduler, { tenant: 'acme', id: 'm0' }), false)).toBe(false);
  expect(await keeper.update<Message>('m0', false, (kept) => ({ ...kept, readMs: 1 }))).toMatchObject({ readMs: 1 });
  expect(await add('globex')).toBe(true);
  scheduler.advance(3_600_000);
  expect(await add('acme')).toBe(true);
});

test('of many that come at once no more are stored than in the hour; what is there already, or cannot be stored, takes nothing of it', async () => {
  const { keeper, scheduler, store } = keeperWorld(5_000);
  const many = (kept: (at: number) => Partial<Message>) =>
    Promise.allSettled(Array.from({ length: 300 }, (_, at) => keeper.add(message(scheduler, kept(at)), false)));
  store.isBroken = true;
  await many((at) => ({ id: `m${at}` }));
  store.isBroken = false;
  await many(() => ({ id: 'm0' }));
  expect(store.rows.size).toBe(1);
  await many((at) => ({ id: `m${at}` }));
  const octets = [...store.rows.values()].reduce((sum, { document }) => sum + document.length, 0);
  expect([octets > 4_500, octets < 5_500]).toEqual([true, true]);
});
