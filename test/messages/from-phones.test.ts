import { describe, expect, test } from 'vitest';
import type { CloudError } from '../../src/messages/cloud-errors.ts';
import { FromPhones } from '../../src/messages/from-phones.ts';
import { heardKey } from '../../src/messages/keeper.ts';
import type { Message } from '../../src/messages/message.ts';
import type { Sent } from '../../src/messages/outbound.ts';
import { directoryOf, keeperWorld, MemoryStore, numberIn, silentLog, USER } from './world.ts';

function phonesWorld(changes: Parameters<typeof directoryOf>[0] = {}, bytesPerTenant?: number) {
  const { keeper, scheduler, store } = keeperWorld(bytesPerTenant);
  const directory = directoryOf(changes);
  const { tenant } = numberIn(directory);
  const sends: Message[] = [];
  const state = { sent: undefined as Sent | undefined, upload: 'M1' as string | CloudError, uploads: 0, isFull: false };
  let polls = 0;
  const fromPhones = new FromPhones({
    keeper,
    clock: scheduler,
    log: silentLog,
    directory: () => directory,
    api: {
      upload: async () => {
        state.uploads++;
        return state.upload;
      },
    } as never,
    outbound: {
      send: async (message: Message): Promise<Sent> => {
        sends.push(message);
        return state.sent ?? { kind: 'sent', message: { ...message, remoteId: 'wamid.A' } };
      },
    } as never,
    isAtWork: () => undefined,
    work: async (_id, work) => work(),
    isFull: () => state.isFull,
    inPlace: (_tenant, work) => work,
    onChange: () => {},
    poll: () => void polls++,
  });
  const send = (
    body: string,
    contentType = 'text/plain',
    more: { sender?: string; callId?: string; dialled?: string } = {},
  ) =>
    fromPhones.send({
      tenant,
      sender: more.sender ?? '101',
      dialled: more.dialled ?? `+${USER}`,
      callId: more.callId ?? 'c1',
      cseq: 1,
      contentType,
      body,
    });
  return { send, sends, state, store, keeper, scheduler, polled: () => polls };
}

test('a text is kept, sent, and answered 202 with its id at WhatsApp; a copy of the MESSAGE is the same message', async () => {
  const { send, sends, store } = phonesWorld();
  expect(await send('Hi')).toEqual({ status: 202, headers: [['X-WA-Message-Id', 'wamid.A']] });
  await send('Hi');
  expect([store.rows.size, new Set(sends.map(({ id }) => id)).size]).toEqual([1, 1]);
  await send('Hi', 'text/plain', { callId: 'c2' });
  expect(store.rows.size).toBe(2);
});

test.each([
  ['x'.repeat(4097), 'text/plain', '101', 413],
  ['x', 'application/x-unknown', '101', 415],
  ['x', 'text/plain', '103', 403],
  ['<isComposing/>', 'application/im-iscomposing+xml', '101', 200],
] as const)('%.10s as %s of %s: %i, and nothing is kept', async (body, contentType, sender, status) => {
  const { send, store } = phonesWorld();
  expect((await send(body, contentType, { sender })).status).toBe(status);
  expect(store.rows.size).toBe(0);
});

test('where the tenant has no place for it a text is kept for its turn, and a file is to be sent again', async () => {
  const { send, sends, state, store, polled } = phonesWorld();
  state.isFull = true;
  expect(await send('Hi')).toEqual({ status: 202, headers: [] });
  // A copy of it has no other turn.
  expect(await send('Hi')).toEqual({ status: 202, headers: [] });
  expect([sends, polled(), [...store.rows.values()].map(({ holder }) => holder)]).toEqual([[], 1, ['']]);
  expect(await send('x', 'image/png', { callId: 'c2' })).toMatchObject({
    status: 503,
    headers: [
      ['Warning', expect.any(String)],
      ['Retry-After', '5'],
    ],
  });
  expect(store.rows.size).toBe(1);
  state.isFull = false;
  expect(await send('Hi')).toMatchObject({ headers: [['X-WA-Message-Id', 'wamid.A']] });
});

describe('a user that shows no number', () => {
  const ID = 'US.13491208655302741918';

  test('is answered on the number that it has written to, whatever numbers the rule is for', async () => {
    const { send, sends, store, scheduler } = phonesWorld();
    await store.add([], [{ key: heardKey('7', ID), atMs: scheduler.wallMs() }]);
    expect((await send('Hi', 'text/plain', { dialled: ID })).status).toBe(202);
    expect(sends).toMatchObject([{ peer: ID, trunkId: '7' }]);
  });

  test.each([
    ['who has not written', '101', false, 404],
    ['who has, of an extension that no rule lets write', '103', true, 403],
  ])('%s: %s is refused', async (_, sender, hasWritten, status) => {
    const { send, store, scheduler } = phonesWorld();
    if (hasWritten) await store.add([], [{ key: heardKey('7', ID), atMs: scheduler.wallMs() }]);
    expect((await send('Hi', 'text/plain', { dialled: ID, sender })).status).toBe(status);
    expect(store.rows.size).toBe(0);
  });
});

test('what WhatsApp refuses is the phone’s answer, with why and when to come again', async () => {
  const { send, state } = phonesWorld();
  state.sent = {
    kind: 'refused',
    status: 503,
    reason: 'Service Unavailable',
    warning: 'wait "a" bit',
    retryAfterMs: 6000,
  };
  expect(await send('Hi')).toEqual({
    status: 503,
    reason: 'Service Unavailable',
    headers: [
      ['Warning', `399 tandem "wait 'a' bit"`],
      ['Retry-After', '6'],
    ],
  });
  state.sent = { kind: 'waits' };
  expect(await send('later')).toEqual({ status: 202, headers: [] });
});

test('a file goes to WhatsApp first; one that it does not take is refused', async () => {
  const { send, sends, state, store } = phonesWorld();
  await send('octets', 'image/png');
  expect(sends[0]?.content).toMatchObject({ type: 'media', kind: 'image', mediaId: 'M1' });
  state.upload = { code: 131051, message: 'no such type' };
  expect((await send('octets', 'image/png', { callId: 'c2' })).status).toBe(415);
  expect(store.rows.size).toBe(1);
});

test('of a tenant that has what it may store in an hour WhatsApp gets no files', async () => {
  const { send, state } = phonesWorld({}, 100);
  await send('Hi');
  expect(await send('octets', 'image/png', { callId: 'c2' })).toEqual({ status: 503, headers: [['Retry-After', '5']] });
  expect(state.uploads).toBe(0);
});

test('a store that is away: nothing is promised', async () => {
  const { send, store } = phonesWorld();
  store.isBroken = true;
  expect(await send('Hi')).toMatchObject({ status: 503 });
});

test('reports: always wishes for reports by Call-ID', async () => {
  const { send, sends } = phonesWorld({ reports: 'always' });
  await send('Hi', 'text/plain', { callId: 'abc' });
  expect(sends[0]?.wish).toEqual({ messageId: 'abc', cpim: false, delivery: true, display: true });
});

/** That 101 has displayed the message of this id. */
const displayed = (id: string) =>
  `<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>${id}</message-id><datetime>2026-11-28T00:00:00Z</datetime><display-notification><status><displayed/></status></display-notification></imdn>`;

const theirs = (nowMs: number): Message => ({
  kind: 'message',
  id: 'in-1',
  tenant: 'acme',
  trunkId: '7',
  createdMs: nowMs,
  expiresMs: nowMs + 1000,
  attempts: 0,
  revision: 1,
  direction: 'inbound',
  number: '14155550160',
  peer: USER,
  content: { type: 'text', text: 'x' },
  state: 'delivered',
  remoteId: 'wamid.B',
  recipients: [{ number: '101', state: 'delivered' }],
});

test('what a phone has displayed is marked once, of messages that were for it alone', async () => {
  const { send, keeper, scheduler, polled, store } = phonesWorld();
  await keeper.add(theirs(scheduler.wallMs()), false);
  const imdn = displayed('in-1');
  expect((await send(imdn, 'message/imdn+xml', { sender: '102' })).status).toBe(200);
  expect(polled()).toBe(0);
  await send(imdn, 'message/imdn+xml');
  await send(imdn, 'message/imdn+xml');
  expect([polled(), store.rows.size]).toEqual([1, 2]);
  expect(await keeper.get('in-1')).toMatchObject({ readMs: expect.any(Number) });
});

test.each(['the store is away', 'its tenant has what it may store in an hour'])(
  'what a phone has displayed while %s is to be told again',
  async (why) => {
    const { send, keeper, scheduler, store } = phonesWorld({}, 100);
    await keeper.add(theirs(scheduler.wallMs()), false);
    store.isBroken = why === 'the store is away';
    const answer = { status: 503, headers: [['Retry-After', '5']] };
    expect(await send(displayed('in-1'), 'message/imdn+xml')).toEqual(answer);
    store.isBroken = false;
    scheduler.advance(3_600_000);
    expect(await send(displayed('in-1'), 'message/imdn+xml')).toEqual({ status: 200, headers: [] });
    expect(await keeper.get('in-1')).toMatchObject({ readMs: expect.any(Number) });
  },
);

test('what was displayed is marked when it is told again, also where the first time a part of it was stored', async () => {
  const { send, keeper, scheduler, store, polled } = phonesWorld();
  await keeper.add(theirs(scheduler.wallMs()), false);
  store.save = async () => {
    store.save = MemoryStore.prototype.save;
    throw new Error('the store is away');
  };
  expect(await send(displayed('in-1'), 'message/imdn+xml')).toMatchObject({ status: 503 });
  expect([store.rows.size, polled()]).toEqual([2, 0]);
  expect(await send(displayed('in-1'), 'message/imdn+xml')).toMatchObject({ status: 200 });
  expect([await keeper.get('in-1'), polled()]).toMatchObject([{ readMs: expect.any(Number) }, 1]);
});
