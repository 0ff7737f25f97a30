import { expect, test } from 'vitest';
import { startTestApi } from '../api/kit.ts';
import { envOf, run } from './kit.ts';

test('events: one line each as it happens, until the stream ends; --types chooses; --json is for programs', async () => {
  const world = await startTestApi();
  const env = await envOf(world);
  const shown: string[] = [];
  const open = async () =>
    /^tandem_event_streams (\d+)/m.exec(await (await fetch(`${env.TANDEM_URL}/metrics`)).text())?.[1];
  const following = [
    run(['events', '--types', 'fraud'], { env, onOut: (text) => shown.push(text) }),
    run(['events', '--json'], { env, onOut: (text) => shown.push(text) }),
  ];
  await expect.poll(open).toBe('2');
  world.events.publish('trunk-state', [], { trunkId: '1', trunk: 'a', state: 'online' });
  world.events.publish('fraud', ['acme'], { guard: 'calls', extension: '101', detail: 'too \u001b[2J many' });
  while (shown.length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  await world.close();
  const [chosen, all] = await Promise.all(following);
  expect(chosen?.out).toMatch(/^\S+ \S+ fraud node=a guard=calls extension=101 detail="too \\u001b\[2J many"\n$/);
  expect(
    all?.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).type),
  ).toEqual(['trunk-state', 'fraud']);
});

test('events: an unknown type is refused with those that are known', async () => {
  const world = await startTestApi();
  const env = await envOf(world);
  const { code, err } = await run(['events', '--types', 'no'], { env });
  expect([code, err.includes('"no" is no event type; known are trunk-state')]).toEqual([1, true]);
  await world.close();
});
