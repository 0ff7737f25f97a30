import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { Notifications } from '../../src/messages/notifications.ts';
import { type InboundFact, MAX_FACTS } from '../../src/messages/webhook.ts';
import { directoryOf, keeperWorld, numberIn, silentLog, turn } from './world.ts';

function notificationsWorld(take: (fact: InboundFact) => Promise<undefined>) {
  const { keeper, scheduler } = keeperWorld();
  const directory = directoryOf();
  const number = numberIn(directory);
  const outcomes: string[] = [];
  const notifications = new Notifications({
    keeper,
    clock: scheduler,
    log: silentLog,
    directory: () => directory,
    numberOf: (id) => (id === 'globex' ? { ...number, tenant: { ...number.tenant, name: 'globex' } } : number),
    inbound: { take: (_number, fact) => take(fact) },
    watcher: { onNotification: (_trunk: string, outcome: string) => void outcomes.push(outcome) } as never,
    onChange: () => {},
    take: () => {},
  });
  const { accountId, phoneNumberId, appSecret } = number.settings;
  const post = (messages: readonly object[], trunkId = '7') => {
    const value = { metadata: { phone_number_id: phoneNumberId }, messages };
    const entry = [{ id: accountId, changes: [{ field: 'messages', value }] }];
    const body = Buffer.from(JSON.stringify({ object: 'whatsapp_business_account', entry }));
    return notifications.notified(
      trunkId,
      body,
      `sha256=${createHmac('sha256', appSecret).update(body).digest('hex')}`,
    );
  };
  return { post, outcomes, scheduler };
}

const many = (count: number) => Array.from({ length: count }, (_, at) => ({ id: `wamid.${at}`, from: '1201' }));

test('each message is taken, the earliest first; when one is not stored, the notification is to come again', async () => {
  const taken: string[] = [];
  const { post, outcomes } = notificationsWorld(async ({ remoteId }) => {
    taken.push(remoteId);
    if (remoteId === 'bad') throw new Error('the store is away');
  });
  const message = (id: string, timestamp: number) => ({ id, from: '1201', timestamp: String(timestamp) });
  expect(await post([message('c', 3), message('a', 1), message('b', 2)])).toBe('taken');
  expect(await post([message('e', 5), message('bad', 4)])).toBe('not-stored');
  expect(taken).toEqual(['a', 'b', 'c', 'bad', 'e']);
  expect(outcomes).toEqual(['duplicate', 'duplicate', 'duplicate', 'duplicate', 'not-stored']);
});

test('a long notification lets others go on meanwhile', async () => {
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  const { post } = notificationsWorld(async () => {
    const endMs = performance.now() + 0.1;
    while (performance.now() < endMs);
    return undefined;
  });
  const posted = post(many(300));
  setImmediate(count);
  await posted;
  isOver = true;
  expect(turns).toBeGreaterThan(2);
});

test('of one tenant so many are stored at a time; more are to come again, and others are taken', async () => {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const { post } = notificationsWorld((fact) => (fact.from === '1202' ? Promise.resolve(undefined) : promise));
  const kept = [post(many(MAX_FACTS)), post(many(MAX_FACTS))];
  await turn();
  expect(await post([{ id: 'wamid.x', from: '1202' }])).toBe('not-stored');
  expect(await post([{ id: 'wamid.x', from: '1202' }], 'globex')).toBe('taken');
  resolve(undefined);
  expect(await Promise.all(kept)).toEqual(['taken', 'taken']);
  expect(await post([{ id: 'wamid.x', from: '1202' }])).toBe('taken');
});

test('of one tenant 60,000 are read in a minute, each KiB counting as one; more are to come again, and others are taken', async () => {
  const { post, scheduler } = notificationsWorld(async () => undefined);
  for (let at = 0; at < 6; at++) expect(await post(many(MAX_FACTS))).toBe('taken');
  expect(await post([{ id: 'wamid.x', from: '1202' }])).toBe('not-stored');
  expect(await post([{ id: 'wamid.x', from: '1202' }], 'globex')).toBe('taken');
  scheduler.advance(60_000);
  const long = [{ id: 'wamid.x', from: '1202', text: { body: 'x'.repeat(20_000 * 1024) } }];
  for (let at = 0; at < 3; at++) expect(await post(long)).toBe('taken');
  expect(await post(long)).toBe('not-stored');
});
