/**
 * CPU of one trunk call in the engine alone: 14 messages through transactions, call, pipeline, records, metrics and trace, without the
 * socket. Counts the same work each time, so it shows small changes and gives clean profiles (`node --cpu-prof bench/call-path.bench.ts`).
 * What a call allocates hardly depends on the machine, so it is what changes are judged by first.
 *
 *   node bench/call-path.bench.ts [--calls 5000] [--rounds 5] [--rate 300] [--warm-up 12000] [--held 10000] [--functions 0]
 *
 * `--functions` lists so many functions that allocate most beside the folders.
 */

import { parseArgs } from 'node:util';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { tuneV8 } from '../src/node/v8-tuning.ts';
import { type Allocated, allocatedBy } from './kit/allocation.ts';
import { CallMachine } from './kit/call-machine.ts';
import { formatSpread, spread } from './kit/statistics.ts';

const { values: options } = parseArgs({
  options: {
    calls: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '5' },
    rate: { type: 'string', default: '300' },
    'warm-up': { type: 'string', default: '12000' },
    held: { type: 'string' },
    functions: { type: 'string', default: '0' },
  },
});
/** More than 64*T1. */
const TRANSACTIONS_OVER_MS = 40_000;
/** Machine code, and bytecode with what belongs to it. */
const SPACES_OF_CODE = /^(code|trusted)_/;
const PEERS = /^bench\/(?!kit\/memory-transport)/;
const calls = Number(options.calls);
const rate = Number(options.rate);

tuneV8();
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const machine = new CallMachine();
await machine.start();
await machine.placeCalls(Number(options['warm-up']), rate);

const engine: number[] = [];
const total: number[] = [];
const helpers: number[] = [];
for (let round = 0; round < Number(options.rounds); round++) {
  const engineBefore = machine.engineUs;
  const before = process.cpuUsage();
  const threadBefore = process.threadCpuUsage();
  await machine.placeCalls(calls, rate);
  const used = process.cpuUsage(before);
  engine.push((machine.engineUs - engineBefore) / calls);
  const ownThread = process.threadCpuUsage(threadBefore);
  total.push((used.user + used.system) / calls);
  helpers.push((used.user + used.system - ownThread.user - ownThread.system) / calls);
}
const allocated = await allocatedBy(() => machine.placeCalls(calls, rate));
if (machine.phone.failed > 0) throw new Error(`${machine.phone.failed} calls failed`);
console.log(`call path at ${rate} calls/s of virtual time, rounds of ${calls} calls: median (least–most)`);
console.log(`  in the engine           ${formatSpread(spread(engine), 1)} µs a call`);
console.log(
  `  CPU of the process      ${formatSpread(spread(total), 1)} µs a call (phone, carrier and all threads included)`,
);
console.log(`  on helper threads       ${formatSpread(spread(helpers), 1)} µs a call (collector, compiler)`);
printAllocations(allocated);

if (options.held !== undefined) {
  const held = Number(options.held);
  const before = await heapWith(0);
  const grown = (await heapWith(held)) - before;
  console.log(
    `  ${held} calls in progress  ${(grown / 1e6).toFixed(1)} MB of heap, ${(grown / held / 1024).toFixed(2)} KB a call`,
  );
  await machine.hangUpAll();
}
await machine.close();

/**
 * Octets of objects alive once so many more calls are in progress and no transaction is. The engine's code, as V8 has compiled it, is left
 * out: it is thrown away and made again for a megabyte and more between two collections, whatever calls there are.
 */
async function heapWith(more: number): Promise<number> {
  await machine.holdCalls(more, 400);
  machine.advance(TRANSACTIONS_OVER_MS);
  // What waits for a turn of the event loop to be let go is gone with the second.
  collectGarbage();
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  return getHeapSpaceStatistics()
    .filter(({ space_name }) => !SPACES_OF_CODE.test(space_name))
    .reduce((octets, { space_used_size }) => octets + space_used_size, 0);
}

/** By folder, largest first. The phone, the carrier and what moves them are no part of the engine; the copies at the sockets are. */
function printAllocations({ byFolder, byFunction }: Allocated): void {
  const ofEngine = byFolder.filter(([folder]) => !PEERS.test(folder));
  const kilobytes = (count: number) => (count / calls / 1024).toFixed(1);
  const sum = ofEngine.reduce((total, [, count]) => total + count, 0);
  console.log(`  allocated by the engine ${kilobytes(sum)} KB a call`);
  const functions = byFunction.filter(([name]) => !PEERS.test(name)).slice(0, Number(options.functions));
  for (const [name, count] of [...ofEngine.slice(0, 12), ...functions])
    console.log(`    ${kilobytes(count).padStart(5)}  ${name}`);
}
