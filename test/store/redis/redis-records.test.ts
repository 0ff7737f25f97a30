import { describe, expect, test } from 'vitest';
import type { TokenRecord } from '../../../src/api/ports.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { Stores } from '../../../src/store/index.ts';
import { LastCopy } from '../../../src/store/redis/last-copy.ts';
import { Sealer } from '../../../src/store/sealer.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { user, webhook } from '../records.ts';
import { eventually, onTwoNodes, type RedisWorld, STORE_KEY } from './world.ts';

describe.skipIf(peersSkipped)('records of several nodes on one Redis', () => {
  let a: Stores;
  let b: Stores;
  let world: RedisWorld;

  onTwoNodes((made) => {
    ({ a, b, world } = made);
  });

  test('tokens and webhooks of one node are those of the other', async () => {
    await a.webhooks.put(webhook('w1'));
    expect(await b.webhooks.list()).toEqual([webhook('w1')]);
  });

  test('what one writes and removes is so in the last copy of the other, though nobody asks that for it', async () => {
    const sealer = new Sealer(Buffer.from(STORE_KEY, 'hex'));
    const copied = () => {
      const { tokens, users, webhooks } = LastCopy.read(world.folder('node-b'), sealer, silentLog)?.copy ?? {};
      return [tokens, users, webhooks].map((records) => records?.map(({ id }) => id));
    };
    const token: TokenRecord = {
      id: 't1',
      role: 'system-admin',
      hash: '$sha256$x',
      createdAt: '2026-11-21T00:00:00.000Z',
      createdBy: 'owner',
    };
    await Promise.all([a.tokens.put(token), a.users.put(user('u1')), a.webhooks.put(webhook('w1'))]);
    await eventually(() => copied().every((ids) => ids?.length === 1));
    expect(copied()).toEqual([['t1'], ['u1'], ['w1']]);
    // A token that is revoked is not good where there is no Redis to ask.
    await Promise.all([a.tokens.delete('t1'), a.users.delete('u1'), a.webhooks.delete('w1')]);
    await eventually(() => copied().every((ids) => ids?.length === 0));
  });
});
