/**
 * What it costs that a call outlives its node: the snapshot of an answered call that is written behind, as a share of a call that lasts;
 * what it takes to make one, how many octets it has, and what it takes the next process, or another node, to go on with the call. The
 * store itself is left out: it works on a thread or a machine of its own.
 *
 *   node bench/call-snapshot.bench.ts [--calls 2000] [--rounds 7] [--rate 400]
 */
import { parseArgs } from 'node:util';
import type { CallStore, KeptCall } from '../src/call/index.ts';
import { tuneV8 } from '../src/node/v8-tuning.ts';
import { CallMachine } from './kit/call-machine.ts';
import { formatSpread, spread } from './kit/statistics.ts';

const { values: options } = parseArgs({
  options: {
    calls: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '7' },
    rate: { type: 'string', default: '400' },
  },
});
const calls = Number(options.calls);
const rounds = Number(options.rounds);
const rate = Number(options.rate);
/** Snapshots are written 200 ms behind. */
const WRITTEN_MS = 1_000;
/** More than 64*T1. */
const TRANSACTIONS_OVER_MS = 40_000;

tuneV8();

/** Keeps documents as they come. */
class MemoryStore implements CallStore {
  readonly kept = new Map<string, string>();
  written = 0;
  octets = 0;

  async load() {
    return { calls: Array.from(this.kept, ([id, document]): KeptCall => ({ id, document })), aliveAtMs: 0 };
  }

  async fate() {
    return 'unknown' as const;
  }

  async write({ put, remove }: Parameters<CallStore['write']>[0]): Promise<void> {
    for (const { id, document } of put) {
      this.kept.set(id, document);
      this.written++;
      this.octets += document.length;
    }
    for (const id of remove) this.kept.delete(id);
  }
}

/** CPU of this thread, microseconds, that something takes. */
async function cpuOf(work: () => void | Promise<void>): Promise<number> {
  const before = process.threadCpuUsage();
  await work();
  const { user, system } = process.threadCpuUsage(before);
  return user + system;
}

/** Microseconds in the engine of a call that is set up, lasts, and is hung up. */
async function lasting(machine: CallMachine): Promise<number> {
  const before = machine.engineUs;
  await machine.holdCalls(calls, rate);
  machine.advance(WRITTEN_MS);
  await machine.hangUpAll();
  machine.advance(WRITTEN_MS);
  const us = (machine.engineUs - before) / calls;
  machine.advance(TRANSACTIONS_OVER_MS);
  return us;
}

const store = new MemoryStore();
const [without, withStore] = [new CallMachine(), new CallMachine(undefined, { callStore: store })];
for (const machine of [without, withStore]) {
  await machine.start();
  await lasting(machine);
  await lasting(machine);
}
const share: number[] = [];
const bare: number[] = [];
for (let round = 0; round < rounds; round++) {
  const [one, other] = [await lasting(without), await lasting(withStore)];
  bare.push(one);
  share.push(other - one);
}

await withStore.holdCalls(calls, rate);
withStore.advance(WRITTEN_MS);
// Promises of writes settle between turns.
await new Promise((resolve) => setTimeout(resolve, 50));
withStore.advance(WRITTEN_MS);
await new Promise((resolve) => setTimeout(resolve, 50));
if (store.kept.size !== calls) throw new Error(`${store.kept.size} snapshots of ${calls} calls`);
const live = Array.from(withStore.engine.calls.list(), ({ id }) => withStore.engine.calls.get(id));
const making: number[] = [];
for (let round = 0; round < rounds; round++)
  making.push((await cpuOf(() => live.forEach((call) => void JSON.stringify(call?.snapshot(0))))) / calls);

const going: number[] = [];
for (let round = 0; round < rounds; round++) {
  const [alone, next] = [new CallMachine(), new CallMachine(undefined, { callStore: store })];
  const bareUs = await cpuOf(() => alone.start());
  going.push(((await cpuOf(() => next.start())) - bareUs) / calls);
  const restored = [...next.engine.calls.list()].length;
  if (restored !== calls) throw new Error(`${restored} of ${calls} calls went on`);
}

console.log(`call snapshots, ${rounds} rounds of ${calls} calls: median (least–most)`);
console.log(`  a call that lasts, without store  ${formatSpread(spread(bare), 1)} µs`);
console.log(
  `  more with one                     ${formatSpread(spread(share), 1)} µs, ${(store.octets / store.written).toFixed(0)} octets a snapshot`,
);
console.log(`  to make one                       ${formatSpread(spread(making), 1)} µs`);
console.log(`  to go on with a call from one     ${formatSpread(spread(going), 1)} µs`);
process.exit(0);
