import { expect, test } from 'vitest';
import { silentLog } from '../../../src/base/log.ts';
import { SignIns } from '../../../src/engine/admit/sign-ins.ts';
import type { SignInStore } from '../../../src/registrar/ports.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

class Kept implements SignInStore {
  readonly pairs: string[] = [];
  isDown = false;

  async load() {
    if (this.isDown) throw new Error('unreachable');
    return this.pairs;
  }

  async add(pairs: readonly string[]) {
    if (this.isDown) throw new Error('unreachable');
    this.pairs.push(...pairs);
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('sign-ins are written soon, together, and are there in the next life', async () => {
  const store = new Kept();
  const scheduler = new VirtualScheduler();
  const signIns = new SignIns(store, scheduler, silentLog);
  signIns.add('192.0.2.1 101@acme');
  signIns.add('192.0.2.2 102@acme');
  expect(store.pairs).toEqual([]);
  scheduler.advance(250);
  await settled();
  expect(await new SignIns(store, scheduler, silentLog).load()).toEqual(['192.0.2.1 101@acme', '192.0.2.2 102@acme']);
});

test('a store that is away costs no start and no sign-in: what waits is written when it is back', async () => {
  const store = new Kept();
  const scheduler = new VirtualScheduler();
  const signIns = new SignIns(store, scheduler, silentLog);
  store.isDown = true;
  expect(await signIns.load()).toEqual([]);
  signIns.add('192.0.2.1 101@acme');
  expect(await signIns.flush()).toBe(false);
  store.isDown = false;
  scheduler.advance(5000);
  await settled();
  expect(store.pairs).toEqual(['192.0.2.1 101@acme']);
});

test('what was not written yet is written at the end; without a store nothing is kept', async () => {
  const store = new Kept();
  const signIns = new SignIns(store, new VirtualScheduler(), silentLog);
  signIns.add('192.0.2.1 101@acme');
  expect(await signIns.flush()).toBe(true);
  expect(store.pairs).toHaveLength(1);
  const none = new SignIns(undefined, new VirtualScheduler(), silentLog);
  none.add('192.0.2.1 101@acme');
  expect([await none.load(), await none.flush()]).toEqual([[], true]);
});
