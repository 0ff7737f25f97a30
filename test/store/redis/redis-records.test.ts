import { describe, expect, test } from 'vitest';
import type { Stores } from '../../../src/store/index.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { webhook } from '../records.ts';
import { onTwoNodes } from './world.ts';

describe.skipIf(peersSkipped)('records of several nodes on one Redis', () => {
  let a: Stores;
  let b: Stores;

  onTwoNodes((made) => {
    ({ a, b } = made);
  });

  test('tokens and webhooks of one node are those of the other', async () => {
    await a.webhooks.put(webhook('w1'));
    expect(await b.webhooks.list()).toEqual([webhook('w1')]);
  });
});
