import { expect, test } from 'vitest';
import { GroupedStore } from '../../src/messages/grouped-store.ts';
import type { MessageRow, MessageStore } from '../../src/messages/message-store.ts';

const row = (id: string, revision = 1): MessageRow => ({
  id,
  tenant: 'acme',
  createdMs: 0,
  listed: true,
  dueMs: undefined,
  waitsFor: [],
  remoteKey: undefined,
  holder: '',
  heldUntilMs: 0,
  revision,
  document: '{}',
});

function store(fails: () => boolean = () => false) {
  const writes: string[][] = [];
  const write = async (rows: readonly MessageRow[]) => {
    writes.push(rows.map(({ id, revision }) => `${id}/${revision}`));
    if (fails()) throw new Error('full');
    return rows.map(({ id }) => id !== 'known');
  };
  return { writes, grouped: new GroupedStore({ add: write, save: write } as unknown as MessageStore) };
}

test('what comes while a write is under way goes with the next one; each hears of its own', async () => {
  const { writes, grouped } = store();
  const first = grouped.add(row('a'));
  await Promise.resolve();
  const later = [grouped.add(row('b')), grouped.add(row('known')), grouped.add(row('c'))];
  expect(await first).toBe(true);
  expect(await Promise.all(later)).toEqual([true, false, true]);
  expect(writes).toEqual([['a/1'], ['b/1', 'known/1', 'c/1']]);
});

test('two changes of one message are two writes, in order', async () => {
  const { writes, grouped } = store();
  await Promise.all([grouped.save(row('a', 2)), grouped.save(row('a', 3)), grouped.save(row('b', 2))]);
  expect(writes).toEqual([['a/2', 'b/2'], ['a/3']]);
});

test('a write that the store refuses is told to all that were in it, and the next one is tried', async () => {
  let fails = true;
  const { grouped } = store(() => fails);
  const refused = await Promise.allSettled([grouped.add(row('a')), grouped.add(row('b'))]);
  expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  fails = false;
  expect(await grouped.add(row('a'))).toBe(true);
});
