import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { rehearse } from '../../../src/node/rehearsal/rehearsal.ts';

const openSockets = () => process.getActiveResourcesInfo().filter((name) => /UDP|TCP/.test(name)).length;

test('calls from a phone with a password, from a trusted one and from a carrier all come to their end', async () => {
  const { completed, failed } = await rehearse(60_000);
  expect({ completed, failed }).toEqual({ completed: 1200, failed: 0 });
});

test('no packet leaves: no socket is opened', async () => {
  const before = openSockets();
  const running = rehearse(50);
  await turn();
  await turn();
  expect(openSockets()).toBe(before);
  await running;
});

test('ends when its time has passed, with every call that it began', async () => {
  const { completed, failed } = await rehearse(1);
  expect(completed).toBeGreaterThan(0);
  expect(completed).toBeLessThan(1200);
  expect(failed).toBe(0);
});

test('does nothing when it is given no time', async () => {
  expect(await rehearse(0)).toEqual({ completed: 0, failed: 0 });
});
