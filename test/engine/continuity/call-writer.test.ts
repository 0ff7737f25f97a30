import { beforeEach, describe, expect, test } from 'vitest';
import { CallWriter, type CallWriterOptions } from '../../../src/engine/continuity/call-writer.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { MemoryCalls } from '../lives.ts';

let scheduler: VirtualScheduler;
let store: MemoryCalls;
let writer: CallWriter;

beforeEach(() => {
  scheduler = new VirtualScheduler();
  store = new MemoryCalls();
  const call = { state: 'answered', snapshot: () => ({}), waitingSnapshot: () => undefined };
  writer = new CallWriter({
    ...{
      scheduler,
      store,
      process: 'one',
      log: { info() {}, warn() {}, error() {} },
      grants: () => [],
      over: () => [],
    },
    calls: { get: () => call },
  } as unknown as CallWriterOptions);
});

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5) {
    scheduler.advance(5);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }
}

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
