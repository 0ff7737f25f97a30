import fc from 'fast-check';
import { expect, test } from 'vitest';
import { idOf, isClosed, type Message, withStatus } from '../../src/messages/message.ts';

const message: Message = {
  kind: 'message',
  id: 'm',
  tenant: 'acme',
  trunkId: '7',
  createdMs: 0,
  expiresMs: 1,
  attempts: 1,
  revision: 1,
  direction: 'outbound',
  number: '1',
  peer: '2',
  content: { type: 'text', text: 'x' },
  state: 'sending',
  recipients: [],
};

test('statuses in any order, any number of times, come to the same', () => {
  const states = fc.array(fc.constantFrom('sent' as const, 'delivered' as const, 'read' as const), { maxLength: 12 });
  fc.assert(
    fc.property(states, (order) => {
      let now = message;
      for (const state of order) now = withStatus(now, { state, atMs: state.length }, 'wamid.A') ?? now;
      const furthest = (['read', 'delivered', 'sent'] as const).find((state) => order.includes(state)) ?? 'sending';
      expect(now.state).toBe(furthest);
      expect([now.sentMs, now.deliveredMs, now.readMs].map((at) => at !== undefined)).toEqual(
        (['sent', 'delivered', 'read'] as const).map((state) => order.includes(state)),
      );
    }),
  );
});

test('what has arrived does not fail later; what has failed is not brought back', () => {
  const failed = { state: 'failed', atMs: 1, error: { code: 131026, message: 'gone' } } as const;
  expect(withStatus({ ...message, state: 'delivered' }, failed, 'a')).toBeUndefined();
  expect(withStatus({ ...message, state: 'sent' }, failed, 'a')).toMatchObject({
    state: 'failed',
    error: { code: 131026 },
  });
  expect(withStatus({ ...message, state: 'failed' }, { state: 'sent', atMs: 1 }, 'a')).toMatchObject({
    state: 'failed',
  });
});

test('there is something to do for a message until it is sent, or with every phone', () => {
  expect(
    (['queued', 'sending', 'sent', 'delivered', 'read', 'failed'] as const).map((state) =>
      isClosed({ ...message, state }),
    ),
  ).toEqual([false, false, true, true, true, true]);
  const inbound = { ...message, direction: 'inbound' as const, state: 'received' as const };
  expect(
    isClosed({
      ...inbound,
      recipients: [
        { number: '101', state: 'delivered' },
        { number: '102', state: 'waiting' },
      ],
    }),
  ).toBe(false);
  expect(isClosed({ ...inbound, recipients: [{ number: '101', state: 'delivered' }] })).toBe(true);
});

test('an id is made of its facts, each by itself', () => {
  expect(idOf('a', 'b')).toBe(idOf('a', 'b'));
  expect(idOf('a', 'b')).not.toBe(idOf('ab'));
  expect(idOf('a', 'b')).toMatch(/^[0-9a-f]{32}$/);
});
