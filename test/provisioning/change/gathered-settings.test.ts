import { expect, test } from 'vitest';
import type { StoredSetting } from '../../../src/outbound/index.ts';
import { GatheredSettings } from '../../../src/provisioning/change/gathered-settings.ts';
import type { ChangeResult } from '../../../src/provisioning/directory/store.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

function start(answer: () => Promise<ChangeResult> = async () => ({ outcome: 'applied', version: 1 })) {
  const scheduler = new VirtualScheduler();
  const written: { readonly tenant: string; readonly atMs: number; readonly settings: readonly StoredSetting[] }[] = [];
  const gathered = new GatheredSettings(scheduler, (tenant, settings) => {
    written.push({ tenant, atMs: scheduler.nowMs(), settings });
    return answer();
  });
  const advance = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 100) {
      scheduler.advance(100);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
  };
  return { gathered, written, advance };
}

const anonymous = (extension: string, anonymousCalls: boolean): StoredSetting => ({
  extension,
  set: { anonymousCalls },
});

test('a phone that dials codes without end changes what is provisioned once a second, to what it dialled last', async () => {
  const { gathered, written, advance } = start();
  const answers: Promise<ChangeResult>[] = [];
  for (let call = 0; call < 300; call++) {
    answers.push(gathered.store('acme', anonymous('101', call % 2 === 0)));
    if (call % 10 === 9) await advance(100);
  }
  await advance(1_000);
  expect(await Promise.all(answers)).toHaveLength(300);
  expect(written.map(({ settings }) => settings.length)).toEqual([1, 1, 1, 1]);
  expect(written.map(({ atMs }) => atMs)).toEqual([100, 1_100, 2_100, 3_100]);
  expect(written.at(-1)?.settings).toEqual([anonymous('101', false)]);
});

test('one that is alone is written at once, whatever other tenants do; of two that differ both count', async () => {
  const { gathered, written, advance } = start();
  void gathered.store('acme', anonymous('101', true));
  await advance(100);
  const acme = [
    gathered.store('acme', anonymous('101', false)),
    gathered.store('acme', { extension: '101', set: { rejectAnonymousCallers: true } }),
    gathered.store('acme', anonymous('102', true)),
  ];
  await gathered.store('globex', anonymous('101', true));
  expect(written.map(({ tenant, settings }) => [tenant, settings.length])).toEqual([
    ['acme', 1],
    ['globex', 1],
  ]);
  await advance(1_000);
  expect((await Promise.all(acme)).map(({ outcome }) => outcome)).toEqual(['applied', 'applied', 'applied']);
  expect(written.at(-1)?.settings).toHaveLength(3);
});

test('what the store does not take is told to all who wait for it, and the next one is tried', async () => {
  const { gathered, advance } = start(() => Promise.reject(new Error('the store is away')));
  const told = Promise.allSettled([1, 2].map(() => gathered.store('acme', anonymous('101', true))));
  await advance(100);
  expect((await told).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(Promise.all([gathered.store('acme', anonymous('101', true)), advance(1_000)])).rejects.toThrow('away');
});
