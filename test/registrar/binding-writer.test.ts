import { expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { BindingWriter } from '../../src/registrar/binding-writer.ts';
import type { BindingChange } from '../../src/registrar/index.ts';
import { OthersWroteError } from '../../src/registrar/ports.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

function world() {
  const clock = new VirtualScheduler();
  const batches: string[][] = [];
  const state = { fails: false, overtaken: 0, contested: '', inFlight: 0, mostInFlight: 0 };
  const logged: string[] = [];
  const store = {
    load: async () => [],
    write: async (changes: readonly BindingChange[]) => {
      state.mostInFlight = Math.max(state.mostInFlight, ++state.inFlight);
      await Promise.resolve();
      state.inFlight--;
      if (state.overtaken-- > 0) throw new OthersWroteError(changes.map(({ aor }) => aor));
      if (state.fails) throw new Error('disk full');
      if (changes.length > 1 && changes.some(({ aor }) => aor === state.contested)) {
        batches.push(changes.flatMap(({ aor }) => (aor === state.contested ? [] : [aor])));
        throw new OthersWroteError([state.contested]);
      }
      batches.push(changes.map(({ aor }) => aor));
    },
  };
  const writer = new BindingWriter(store, clock, { ...silentLog, error: (event) => logged.push(event) }, (aor) => ({
    aor,
    bindings: [],
  }));
  /** Lets time pass, and what hangs on promises happen. */
  const pass = async (ms: number): Promise<void> => {
    for (let step = 0; step < ms; step += 100) {
      clock.advance(100);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
  };
  return { batches, logged, state, writer, pass };
}

test('changes are written in one batch, an AOR once', async () => {
  const { batches, writer, pass } = world();
  for (const aor of ['a', 'b', 'a']) writer.changed(aor);
  await pass(100);
  expect(batches).toEqual([['a', 'b']]);
  expect(writer.pendingCount).toBe(0);
});

test('a failed write is tried again until it succeeds; what changes meanwhile goes with it', async () => {
  const { batches, state, writer, pass } = world();
  state.fails = true;
  writer.changed('a');
  await pass(3000);
  expect([batches, writer.pendingCount]).toEqual([[], 1]);
  state.fails = false;
  writer.changed('b');
  await pass(5000);
  expect(batches.flat().sort()).toEqual(['a', 'b']);
  expect(writer.pendingCount).toBe(0);
});

test('large changes go in batches, one write at a time', async () => {
  const { batches, state, writer, pass } = world();
  for (let index = 0; index < 1200; index++) writer.changed(`a${index}`);
  await pass(1000);
  expect(batches.map(({ length }) => length)).toEqual([500, 500, 200]);
  expect(state.mostInFlight).toBe(1);
});

test('flush writes all at once, and says when the store refused', async () => {
  const { batches, state, writer } = world();
  for (let index = 0; index < 1200; index++) writer.changed(`a${index}`);
  expect(await writer.flush()).toBe(true);
  expect(batches.flat()).toHaveLength(1200);
  state.fails = true;
  writer.changed('b');
  expect(await writer.flush()).toBe(false);
  expect(writer.pendingCount).toBe(1);
});

test('where others wrote first it writes once more at once, which is no failure; what goes on so is one', async () => {
  const { batches, logged, state, writer, pass } = world();
  state.overtaken = 3;
  writer.changed('a');
  await pass(400);
  expect([batches, logged]).toEqual([[['a']], []]);
  state.overtaken = 2;
  writer.changed('b');
  expect(await writer.flush()).toBe(true);
  expect(batches).toEqual([['a'], ['b']]);
  state.overtaken = 100;
  writer.changed('c');
  expect(await writer.flush()).toBe(false);
  expect(logged).toEqual(['binding-store-failed']);
});

test('of a batch of which others wrote some, only those are written again', async () => {
  const { batches, logged, state, writer, pass } = world();
  state.contested = 'b';
  for (const aor of ['a', 'b', 'c']) writer.changed(aor);
  await pass(100);
  expect([batches, writer.pendingCount]).toEqual([[['a', 'c']], 1]);
  await pass(100);
  expect([batches, logged]).toEqual([[['a', 'c'], ['b']], []]);
});

test('what others write first each time is a failure, whatever is written beside it, which does not wait for it', async () => {
  const { batches, logged, state, writer, pass } = world();
  state.contested = 'b';
  writer.changed('b');
  for (let index = 0; index < 12; index++) {
    writer.changed(`a${index}`);
    await pass(100);
  }
  expect(batches).toEqual(Array.from({ length: 12 }, (_, index) => [`a${index}`]));
  expect(logged).toEqual(['binding-store-failed']);
});
