import { beforeEach, describe, expect, test } from 'vitest';
import { CallsTaken } from '../../../src/call/index.ts';
import { CallWriter, type CallWriterOptions } from '../../../src/engine/continuity/call-writer.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { MemoryCalls } from '../lives.ts';

let scheduler: VirtualScheduler;
let store: MemoryCalls;
let writer: CallWriter;
let warnings: object[];
let errors: object[];
let forgotten: string[];
const calls = new Map<string, ReturnType<typeof answered>>();

function answered(fault?: string) {
  const snapshot = (): object | undefined => {
    if (fault !== undefined) throw new Error(fault);
    return {};
  };
  return { state: 'answered', record: { facts: {} }, snapshot, waitingSnapshot: (): object | undefined => undefined };
}

function ringing(): ReturnType<typeof answered> {
  const waiting = { version: 'waiting-2' };
  return { ...answered(), state: 'ringing', snapshot: () => undefined, waitingSnapshot: () => waiting };
}

/** It is so from now on, and the store has had the time to hear of it. */
async function become(id: string, call: ReturnType<typeof answered>): Promise<void> {
  calls.set(id, call);
  writer.note(id);
  await pass(300);
}

beforeEach(() => {
  calls.clear();
  scheduler = new VirtualScheduler();
  store = new MemoryCalls();
  warnings = [];
  errors = [];
  forgotten = [];
  const warn = (event: string, fields: object) => warnings.push({ event, ...fields });
  const log = { info() {}, warn, error: (event: string, fields: object) => errors.push({ event, ...fields }) };
  writer = new CallWriter({
    ...{ scheduler, store, process: 'one', log, grants: () => [], over: () => [] },
    calls: { get: (id: string) => calls.get(id) ?? answered(), forget: (id: string) => forgotten.push(id) },
  } as unknown as CallWriterOptions);
});

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5) {
    scheduler.advance(5);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }
}

test('a call that rang as the store has it, and is over, is not there to be placed once more 20 ms later', async () => {
  await become('a', ringing());
  await become('b', answered());
  calls.set('c', ringing());
  writer.note('c');
  writer.forget('b');
  await pass(25);
  expect(store.documents.has('b')).toBe(true);
  writer.forget('a');
  await pass(25);
  expect([...store.documents.keys()]).toEqual([]);
  await pass(150);
  expect([...store.documents.keys()]).toEqual(['c']);
});

test('while the store is told of ends each 20 ms, calls with news are written each 200 ms, and none that is over by then', async () => {
  const written = new Set<string>();
  const write = store.write.bind(store);
  store.write = (changes) => {
    for (const { id } of changes.put) written.add(id);
    return write(changes);
  };
  await become('long', answered());
  // One begins every 5 ms, rings as it is written, if it is, and is over 30 ms later.
  for (let number = 0; number < 400; number++) {
    calls.set(`${number}`, ringing());
    writer.note(`${number}`);
    if (number === 200) writer.note('long');
    if (number >= 6) writer.forget(`${number - 6}`);
    await pass(5);
    if (number === 242) expect(written.delete('long')).toBe(true);
    if (number === 199) written.delete('long');
  }
  expect(written.size).toBeGreaterThan(0);
  expect(written.size).toBeLessThan(80);
});

describe('an end that its last party answers only when asked again', () => {
  /** Ends for 2 s; how often the store is asked to write. */
  async function writesOf(endingMs: number, everyMs: number, isAway: boolean): Promise<number> {
    let writes = 0;
    store.write = async () => {
      writes++;
      if (isAway) throw new Error('it is away');
    };
    for (let id = 0; id < 2_000 / everyMs; id++) {
      writer.forget(String(id), endingMs);
      await pass(everyMs);
    }
    return writes;
  }

  beforeEach(async () => {
    for (let id = 0; id < 600; id++) writer.note(String(id));
    await pass(1_000);
  });

  test('the store is told of many together, each 20 ms', async () => {
    const writes = await writesOf(600, 5, false);
    expect(writes).toBeGreaterThan(60);
    expect(writes).toBeLessThanOrEqual(100);
  });

  test.each([10, 600])(
    'a store that is away is asked no more often for those that end within %i ms',
    async (endingMs) => {
      const writes = await writesOf(endingMs, 10, true);
      expect(writes).toBeGreaterThan(5);
      expect(writes).toBeLessThanOrEqual(11);
    },
  );
});

describe('an answered call that cannot be written', () => {
  /** The calls of each write, and whether the store has been told that it has all. */
  let writes: { put: string[]; remove: readonly string[]; isWhole: boolean }[];

  beforeEach(() => {
    writes = [];
    const write = store.write.bind(store);
    store.write = async (changes) => {
      writes.push({ put: changes.put.map(({ id }) => id), remove: changes.remove, isWhole: changes.whole === 'one' });
      await write(changes);
    };
  });

  test('is no call that the store has: it is not told that it has all of them until that call is kept or over', async () => {
    await become('bad', answered('broken'));
    await become('good', answered());
    await pass(11_000);
    expect(writes.length).toBeGreaterThan(1);
    expect(writes.filter(({ isWhole }) => isWhole)).toEqual([]);
    await become('bad', answered());
    expect(writes.at(-1)).toEqual({ put: ['bad'], remove: [], isWhole: true });
    await become('worse', answered('broken'));
    await become('good', answered());
    expect(writes.at(-1)?.isWhole).toBe(false);
    writer.forget('worse');
    await become('good', answered());
    expect(writes.at(-1)?.isWhole).toBe(true);
  });

  test('is not kept as it rang: it would be placed once more', async () => {
    await become('it', ringing());
    expect([...store.documents.keys()]).toEqual(['it']);
    await become('it', answered('broken'));
    expect([...store.documents.keys()]).toEqual([]);
    await become('it', answered());
    expect([...store.documents.keys()]).toEqual(['it']);
  });

  test('nor as it rang when a store that was away, and has come back, had it', async () => {
    store.documents.set('it', 'as it rang');
    calls.set('it', answered('broken'));
    writer.found('it', true);
    await become('it', answered('broken'));
    expect([...store.documents.keys()]).toEqual([]);
    expect(writes.at(-1)?.isWhole).toBe(false);
  });

  test('stays as it was found when it was answered', async () => {
    store.documents.set('it', 'as it was answered');
    writer.found('it', false);
    await become('it', answered('broken'));
    expect([...store.documents.keys()]).toEqual(['it']);
  });

  test.each<[string, () => Promise<void>]>([
    [
      'the store says so before it has forgotten how that rang',
      async () => {
        const { write } = store;
        store.write = () => {
          store.write = write;
          return Promise.reject(new CallsTaken(new Set(['it'])));
        };
        await become('it', answered('broken'));
      },
    ],
    [
      'that node says so',
      async () => {
        await become('it', answered('broken'));
        writer.lose(['it']);
      },
    ],
  ])('is over here when another node has gone on with it: %s', async (_how, isTaken) => {
    await become('it', ringing());
    await become('good', answered());
    await isTaken();
    expect(forgotten).toEqual(['it']);
    expect(errors).toEqual([{ event: 'calls-taken', count: 1, kept: 1 }]);
  });

  test('and was written before stays as it was then', async () => {
    await become('it', answered());
    await become('it', answered('broken'));
    await become('it', answered('broken'));
    expect([...store.documents.keys()]).toEqual(['it']);
    expect(writes.at(-1)?.isWhole).toBe(true);
  });

  test('is told of once, and again when the cause is another', async () => {
    for (const cause of ['broken', 'broken', 'other', 'other']) await become('it', answered(cause));
    await become('it', answered());
    await become('it', answered('other'));
    expect(warnings).toEqual([
      { event: 'call-not-kept', call: 'it', error: 'Error: broken' },
      { event: 'call-not-kept', call: 'it', error: 'Error: other' },
    ]);
  });
});

test('a call that rings and cannot be written does not keep the store from having all that were answered', async () => {
  let isWhole: boolean | undefined;
  store.write = async ({ whole }) => {
    isWhole = whole === 'one';
  };
  const fault = () => {
    throw new Error('broken');
  };
  await become('it', { ...ringing(), waitingSnapshot: fault });
  await become('good', answered());
  expect(isWhole).toBe(true);
});
