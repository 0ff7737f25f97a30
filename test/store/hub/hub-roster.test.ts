import { expect, onTestFinished, test } from 'vitest';
import { HubClient } from '../../../src/store/hub/hub-client.ts';
import { HubRoster } from '../../../src/store/hub/hub-roster.ts';
import type { FromHub, HubChannel, Notice, Order } from '../../../src/store/hub/protocol.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

const report = (version: number) => ({ version, calls: {} });

/** A roster whose question for the others is answered, with notices behind the answer in the same turn. */
async function openedWith(others: readonly { worker: string; version: number }[], behind: readonly Notice[]) {
  const orders: Order[] = [];
  let hear: (message: FromHub | undefined) => void = () => {};
  const channel: HubChannel = {
    send: (order) => orders.push(order) > 0,
    onMessage: (listener) => {
      hear = listener;
    },
  };
  const opening = HubRoster.open(new HubClient(channel), new VirtualScheduler());
  const [asked] = orders;
  if (asked === undefined) throw new Error('nothing was asked');
  expect(asked.operation).toBe('others');
  const value = others.map(({ worker, version }) => ({ worker, report: report(version) }));
  hear({ kind: 'answer', id: asked.id, value });
  for (const notice of behind) hear({ kind: 'notice', notice });
  const roster = await opening;
  onTestFinished(() => roster.close());
  return roster.others().map(({ name, version }) => ({ name, version }));
}

const known = [
  { worker: 'w2', version: 1 },
  { worker: 'w3', version: 1 },
];

test('a worker that has left behind the answer is not among the others', async () => {
  expect(await openedWith(known, [{ kind: 'left', worker: 'w2' }])).toEqual([{ name: 'w3', version: 1 }]);
});

test('what a worker says behind the answer is what is known of it', async () => {
  expect(await openedWith(known, [{ kind: 'told', worker: 'w2', report: report(2) }])).toEqual([
    { name: 'w2', version: 2 },
    { name: 'w3', version: 1 },
  ]);
});
