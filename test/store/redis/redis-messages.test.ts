import type { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import type { MessageRow } from '../../../src/messages/index.ts';
import type { Stores } from '../../../src/store/index.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { onTwoNodes } from './world.ts';

describe.skipIf(peersSkipped)('messages beside nodes of an earlier version, which keep no index by tenant', () => {
  let a: Stores;
  let admin: Redis;
  const { key } = onTwoNodes((made) => {
    ({ a, admin } = made);
  });

  const row = (id: string): MessageRow => ({
    ...{ id, tenant: 'acme', createdMs: 1, listed: true, dueMs: 5, waitsFor: [], remoteKey: undefined },
    ...{ holder: '', heldUntilMs: 0, revision: 1, document: '{}' },
  });

  test('what those wrote is taken where nobody is excepted, and what they have done is not taken again', async () => {
    await a.messages.add([row('theirs'), row('done')], []);
    await admin.zrem(key('messages:due:acme'), 'theirs');
    await a.messages.save([{ ...row('done'), dueMs: undefined, revision: 2 }]);
    await admin.zadd(key('messages:due:acme'), 5, 'done');
    const claim = { holder: 'n', nowMs: 1_000, untilMs: 2_000, limit: 10 };
    expect(await a.messages.claim({ ...claim, exceptTenants: ['bolt'] })).toEqual([]);
    expect((await a.messages.claim(claim)).map(({ id }) => id)).toEqual(['theirs']);
    expect(await admin.zcard(key('messages:due:acme'))).toBe(0);
  });

  test('what those have done hides nothing that is due after it', async () => {
    const ids = Array.from({ length: 10 }, (_, at) => `${at}`);
    await a.messages.add(ids.map(row), []);
    for (const id of ids.slice(0, 6)) await a.messages.save([{ ...row(id), dueMs: undefined, revision: 2 }]);
    await admin.zadd(key('messages:due:acme'), ...ids.slice(0, 6).flatMap((id) => [1, id]));
    const claim = { holder: 'n', nowMs: 1_000, untilMs: 2_000, limit: 4, exceptTenants: ['bolt'] };
    expect((await a.messages.claim(claim)).map(({ id }) => id)).toEqual(ids.slice(6));
  });
});
