/**
 * What it costs that every call is signed (STIR/SHAKEN): the same trunk calls in three engines in one process, unsigned, signed by the
 * signature thread as in a node, and signed on the engine's thread, in turn, so that the machine is the same for all. CPU of the engine
 * on its thread, without the sockets, the calls a second that a core can do of it, and what all threads of the process take more. The figure over real sockets is `npm run bench:setup -- --only tandem,tandem-signed`.
 *
 *   node bench/signed-calls.ts [--calls 2000] [--rounds 9] [--warm-up 6000]
 */
import { parseArgs } from 'node:util';
import { tuneV8 } from '../src/node/v8-tuning.ts';
import { CallMachine } from './kit/call-machine.ts';
import { formatSpread, spread } from './kit/statistics.ts';
import { benchProvisioning, signedProvisioning } from './peers/provisioning.ts';

const { values: options } = parseArgs({
  options: {
    calls: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '9' },
    'warm-up': { type: 'string', default: '6000' },
  },
});
const RATE = 300;
const CARRIER_PORT = 5070;
const calls = Number(options.calls);

tuneV8();
const machines = {
  unsigned: new CallMachine(benchProvisioning(CARRIER_PORT)),
  'signed by a thread': new CallMachine(signedProvisioning(CARRIER_PORT), { signsApart: true }),
  'signed here': new CallMachine(signedProvisioning(CARRIER_PORT)),
};
type Name = keyof typeof machines;
const each = Object.entries(machines) as [Name, CallMachine][];
const empty = (): Record<Name, number[]> => ({ unsigned: [], 'signed by a thread': [], 'signed here': [] });
const onThread = empty();
const inAll = empty();
for (const [, machine] of each) {
  await machine.start();
  await machine.placeCalls(Number(options['warm-up']), RATE);
}
for (let round = 0; round < Number(options.rounds); round++) {
  for (const [name, machine] of each) {
    const before = machine.engineUs + machine.loopUs;
    const process0 = process.cpuUsage();
    await machine.placeCalls(calls, RATE);
    const { user, system } = process.cpuUsage(process0);
    onThread[name].push((machine.engineUs + machine.loopUs - before) / calls);
    inAll[name].push((user + system) / calls);
  }
}
for (const [name, machine] of each) {
  if (machine.phone.failed > 0) throw new Error(`${machine.phone.failed} ${name} calls failed`);
  await machine.close();
}
const beside = (us: number[], than: number[], differ: (of: number, base: number) => number) =>
  spread(us.map((value, round) => differ(value, than[round] ?? Number.NaN)));
console.log(`trunk calls in the engine, ${options.rounds} rounds of ${calls} in turn: median (least–most)`);
for (const [name] of each) {
  const { [name]: us } = onThread;
  const ratio = beside(us, onThread.unsigned, (of, base) => base / of);
  const more = beside(us, onThread.unsigned, (of, base) => of - base);
  const all = beside(inAll[name], inAll.unsigned, (of, base) => of - base);
  const perSecond = String(Math.round(1e6 / spread(us).median)).padStart(6);
  console.log(`  ${name.padEnd(18)}  ${formatSpread(spread(us), 1)} µs a call on the thread  ${perSecond} calls/s`);
  if (name === 'unsigned') continue;
  console.log(`    of the calls a second unsigned: ${formatSpread(ratio, 2)}`);
  console.log(
    `    more on the thread: ${formatSpread(more, 1)} µs; in the process, all threads: ${formatSpread(all, 1)} µs`,
  );
}
