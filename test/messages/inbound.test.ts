import { expect, test } from 'vitest';
import { Inbound } from '../../src/messages/inbound.ts';
import { heardKey } from '../../src/messages/keeper.ts';
import type { Message } from '../../src/messages/message.ts';
import type { PhoneDraft, PhoneOutcome } from '../../src/messages/ports.ts';
import { directoryOf, keeperWorld, numberIn, silentLog, turn, USER } from './world.ts';

function inboundWorld(changes: Parameters<typeof directoryOf>[0] = {}) {
  const { keeper, scheduler, store } = keeperWorld();
  const drafts: PhoneDraft[] = [];
  const changed: string[] = [];
  const state = {
    directory: directoryOf(changes),
    phone: async (_draft: PhoneDraft): Promise<PhoneOutcome> => ({ kind: 'answered', status: 200 }),
  };
  const inbound = new Inbound({
    keeper,
    clock: scheduler,
    log: silentLog,
    directory: () => state.directory,
    numberOf: () => numberIn(state.directory),
    phones: {
      deliver: (draft) => {
        drafts.push(draft);
        return state.phone(draft);
      },
    },
    onChange: (message) => void changed.push(message.state),
    link: (_trunk, media) => `https://pbx.example/${media}`,
  });
  const take = (from = USER, content: Message['content'] = { type: 'text', text: 'hello' }) =>
    inbound.take(numberIn(state.directory), {
      kind: 'message',
      phoneNumberId: '1001',
      accountId: '2002',
      remoteId: 'wamid.A',
      from,
      name: 'Zoe',
      atMs: scheduler.wallMs(),
      content,
    } as never) as Promise<Message>;
  const kept = async (id: string) => (await keeper.get(id)) as Message;
  return { inbound, take, kept, drafts, changed, state, scheduler, store };
}

test('a message is kept once, and goes to the phone of its rule under its own id', async () => {
  const { inbound, take, kept, drafts, changed } = inboundWorld();
  const message = await take();
  expect(await take()).toBeUndefined();
  await inbound.deliver(message);
  expect(drafts).toMatchObject([
    {
      number: '101',
      callId: message.id,
      to: { user: '+14155550160' },
      from: { user: `+${USER}`, host: 'whatsapp.acme.test' },
    },
  ]);
  expect(await kept(message.id)).toMatchObject({ state: 'delivered', recipients: [{ state: 'delivered' }] });
  expect(changed).toEqual(['delivered']);
});

test('a user that tells both its number and its id is heard under either', async () => {
  const { inbound, store, state } = inboundWorld();
  const fact = { remoteId: 'wamid.B', from: USER, userId: 'US.1349', atMs: 0, content: { type: 'text', text: 'x' } };
  await inbound.take(numberIn(state.directory), fact as never);
  expect(await store.heard(heardKey('7', USER))).toBeDefined();
  expect(await store.heard(heardKey('7', 'US.1349'))).toBeDefined();
});

test('with reports: always it is addressed to the phone, with the number in P-Called-Party-ID', async () => {
  const { inbound, take, drafts } = inboundWorld({ reports: 'always' });
  await inbound.deliver(await take());
  expect(drafts[0]?.to).toEqual({ user: '101', host: 'acme.test' });
  expect(drafts[0]?.headers).toContainEqual(['P-Called-Party-ID', '<sip:+14155550160@acme.test>']);
});

test.each([
  [{ kind: 'away' }, 'received', 15_000],
  [{ kind: 'answered', status: 408 }, 'received', 15_000],
  [{ kind: 'answered', status: 503 }, 'received', 15_000],
  [{ kind: 'answered', status: 403 }, 'failed', undefined],
  [{ kind: 'answered', status: 603 }, 'failed', undefined],
] as const)('a phone that says %j', async (outcome, state, retryMs) => {
  const { inbound, take, kept, scheduler, state: world } = inboundWorld();
  world.phone = async () => outcome;
  const message = await take();
  await inbound.deliver(message);
  const after = await kept(message.id);
  expect(after.state).toBe(state);
  if (retryMs !== undefined) expect((after.retryMs ?? 0) - scheduler.wallMs()).toBe(retryMs);
});

test('a phone that registers while it is tried where it was is tried again at once', async () => {
  const { inbound, take, kept, scheduler, state } = inboundWorld();
  const message = await take();
  state.phone = async () => {
    scheduler.advance(32_000);
    inbound.isThere('acme', '101');
    return { kind: 'answered', status: 408 };
  };
  await inbound.deliver(message);
  const after = await kept(message.id);
  expect([after.state, after.retryMs]).toEqual(['received', scheduler.wallMs()]);
});

test('a file is a link first, and text for a phone that does not know links (415)', async () => {
  const { inbound, take, drafts, state } = inboundWorld();
  state.phone = async ({ contentType }) => ({ kind: 'answered', status: contentType.startsWith('text/') ? 200 : 415 });
  await inbound.deliver(await take(USER, { type: 'media', kind: 'image', mediaId: 'M1', mimeType: 'image/png' }));
  expect(drafts.map(({ contentType }) => contentType.split(';')[0])).toEqual(['message/external-body', 'text/plain']);
  expect(drafts[1]?.body).toContain('https://pbx.example/M1');
});

test('in order for a phone: the second waits until the first has been answered', async () => {
  const { inbound, take, drafts, state } = inboundWorld();
  let answer = (_outcome: PhoneOutcome): void => {};
  state.phone = () => new Promise((resolve) => (answer = resolve));
  const message = await take();
  void inbound.deliver(message);
  void inbound.deliver({ ...message, id: 'second' });
  await turn();
  expect(drafts).toHaveLength(1);
  answer({ kind: 'answered', status: 200 });
  await turn();
  expect(drafts).toHaveLength(2);
  answer({ kind: 'answered', status: 200 });
});

test('nobody came in time: expired; a tenant or phone that is gone: failed', async () => {
  const { inbound, take, kept, scheduler, drafts, state } = inboundWorld({ keepSeconds: 60 });
  const message = await take('441632960123');
  scheduler.advance(61_000);
  await inbound.deliver(message);
  expect([await kept(message.id), drafts]).toMatchObject([{ state: 'expired' }, []]);
  const other = inboundWorld();
  const orphan = await other.take();
  const { Directory } = await import('../../src/provisioning/directory/directory.ts');
  const { provisioningSchema } = await import('../../src/provisioning/trunk-settings/schema.ts');
  other.state.directory = new Directory(provisioningSchema.parse({}));
  await other.inbound.deliver(orphan).catch(() => {});
  expect(other.drafts).toEqual([]);
  expect((await other.kept(orphan.id)).state).toBe('failed');
  expect(state).toBeDefined();
});
