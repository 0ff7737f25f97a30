/**
 * One REGISTER with digest (401, then 200) in the engine and its embedded store alone, without the socket: CPU, and what it allocates on the
 * thread of the calls. Extensions register in turn, again and again.
 *
 *   node bench/register-path.bench.ts [--extensions 2000] [--count 5000] [--rounds 5] [--rate 1000] [--warm-up 8000] [--functions 0]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tuneV8 } from '../src/node/v8-tuning.ts';
import { openEmbedded } from '../src/store/embedded/open.ts';
import { allocatedBy } from './kit/allocation.ts';
import { MemoryEngine } from './kit/memory-engine.ts';
import { RegisteringPhones } from './kit/registering-phones.ts';
import { formatSpread, spread } from './kit/statistics.ts';

const { values: options } = parseArgs({
  options: {
    extensions: { type: 'string', default: '2000' },
    count: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '5' },
    rate: { type: 'string', default: '1000' },
    'warm-up': { type: 'string', default: '8000' },
    functions: { type: 'string', default: '0' },
  },
});
const DOMAIN = 'pbx.example.com';
const PASSWORD = 'labsecret';
const PEERS = /^bench\/(?!kit\/memory-transport)/;
const count = Number(options.count);
const numbers = Array.from({ length: Number(options.extensions) }, (_, index) => String(20_000 + index));

tuneV8();
const folder = mkdtempSync(join(tmpdir(), 'tandem-bench-'));
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const clock = { nowMs: () => performance.now(), wallMs: () => Date.now(), schedule: () => ({ cancel() {} }) };
const stores = await openEmbedded(folder, { log: silent, scheduler: clock, environment: process.env });
const machine = new MemoryEngine(
  {
    tenants: [{ name: 'bench', domain: DOMAIN, extensions: numbers.map((number) => ({ number, password: PASSWORD })) }],
    trunks: [],
  },
  () => ({ bindingStore: stores.bindings, signInStore: stores.signIns }),
);
const phones = new RegisteringPhones(machine.transport, DOMAIN, PASSWORD);
machine.add(phones);
await machine.start();

let next = 0;
async function register(): Promise<void> {
  await machine.evenly(count, Number(options.rate), () => phones.register(numbers[next++ % numbers.length] as string));
  await machine.until(() => phones.inProgress === 0);
}

for (let done = 0; done < Number(options['warm-up']); done += count) await register();
const engine: number[] = [];
const between: number[] = [];
const others: number[] = [];
for (let round = 0; round < Number(options.rounds); round++) {
  const { engineUs, loopUs } = machine;
  const before = process.cpuUsage();
  const threadBefore = process.threadCpuUsage();
  await register();
  const used = process.cpuUsage(before);
  const ownThread = process.threadCpuUsage(threadBefore);
  engine.push((machine.engineUs - engineUs) / count);
  between.push((machine.loopUs - loopUs) / count);
  others.push((used.user + used.system - ownThread.user - ownThread.system) / count);
}
const { byFolder, byFunction } = await allocatedBy(register);
if (phones.failed > 0) throw new Error(`${phones.failed} were refused`);
console.log(`REGISTER with digest at ${options.rate}/s of virtual time, rounds of ${count}: median (least–most)`);
console.log(`  in the engine           ${formatSpread(spread(engine), 1)} µs`);
console.log(`  between its turns       ${formatSpread(spread(between), 1)} µs (what the store's thread answers)`);
console.log(`  on other threads        ${formatSpread(spread(others), 1)} µs (store, collector, compiler)`);
const ofEngine = byFolder.filter(([name]) => !PEERS.test(name));
const kilobytes = (octets: number) => (octets / count / 1024).toFixed(1);
console.log(`  allocated by the engine ${kilobytes(ofEngine.reduce((sum, [, octets]) => sum + octets, 0))} KB`);
const functions = byFunction.filter(([name]) => !PEERS.test(name)).slice(0, Number(options.functions));
for (const [name, octets] of [...ofEngine.slice(0, 12), ...functions])
  console.log(`    ${kilobytes(octets).padStart(5)}  ${name}`);
await machine.close();
await stores.close();
rmSync(folder, { recursive: true, force: true });
