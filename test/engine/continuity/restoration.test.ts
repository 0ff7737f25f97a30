import { expect, test } from 'vitest';
import type { LogFields } from '../../../src/base/log.ts';
import { Restoration } from '../../../src/engine/continuity/restoration.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

function restorationOf(answers: (number | Error)[]) {
  const scheduler = new VirtualScheduler();
  const lines: [string, LogFields | undefined][] = [];
  const write = (event: string, fields?: LogFields) => {
    lines.push([event, fields]);
  };
  const log = { debug: write, info: write, warn: write, error: write };
  let asked = 0;
  const restoration = new Restoration({
    scheduler,
    log,
    restore: async () => {
      const answer = answers[asked++] ?? 0;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const second = async () => {
    scheduler.advance(1000);
    await Promise.resolve();
    await Promise.resolve();
  };
  return { restoration, lines, second, asked: () => asked };
}

test('registrations are brought back once', async () => {
  const { restoration, lines, second, asked } = restorationOf([3]);
  await restoration.run();
  await second();
  expect(lines).toEqual([['registrations-restored', { count: 3 }]]);
  expect(asked()).toBe(1);
});

test('without the store the start goes on, and they come back with it; the trouble is said once', async () => {
  const { restoration, lines, second, asked } = restorationOf([new Error('away'), new Error('away'), 2]);
  await restoration.run();
  await second();
  await second();
  await second();
  expect(asked()).toBe(3);
  expect(lines).toEqual([
    ['registrations-not-restored', { error: 'Error: away' }],
    ['registrations-restored', { count: 2 }],
  ]);
});

test('an engine that ends asks no more', async () => {
  const { restoration, second, asked } = restorationOf([new Error('away'), new Error('away')]);
  await restoration.run();
  restoration.stop();
  await second();
  expect(asked()).toBe(1);
});
