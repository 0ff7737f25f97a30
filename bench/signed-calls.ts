/**
 * What it costs that every call is signed (STIR/SHAKEN): the same trunk calls in two engines in one process, unsigned and signed, in
 * turn, so that the machine is the same for both. CPU of the engine on its thread, without the sockets, and the calls a second that a
 * core can do of it. The figure over real sockets is `npm run bench:setup -- --only tandem,tandem-signed`.
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
  signed: new CallMachine(signedProvisioning(CARRIER_PORT)),
};
const cost: Record<keyof typeof machines, number[]> = { unsigned: [], signed: [] };
const each = Object.entries(machines) as [keyof typeof machines, CallMachine][];
for (const [, machine] of each) {
  await machine.start();
  await machine.placeCalls(Number(options['warm-up']), RATE);
}
for (let round = 0; round < Number(options.rounds); round++) {
  for (const [name, machine] of each) {
    const before = machine.engineUs;
    await machine.placeCalls(calls, RATE);
    cost[name].push((machine.engineUs - before) / calls);
  }
}
for (const [name, machine] of each) {
  if (machine.phone.failed > 0) throw new Error(`${machine.phone.failed} ${name} calls failed`);
  await machine.close();
}
const [unsigned, signed] = [spread(cost.unsigned), spread(cost.signed)];
const perSecond = (us: number) => String(Math.round(1e6 / us)).padStart(6);
console.log(`trunk calls in the engine, ${options.rounds} rounds of ${calls} in turn: median (least–most)`);
console.log(`  unsigned  ${formatSpread(unsigned, 1)} µs a call   ${perSecond(unsigned.median)} calls/s of a core`);
console.log(`  signed    ${formatSpread(signed, 1)} µs a call   ${perSecond(signed.median)} calls/s of a core`);
const ratios = cost.signed.map((us, round) => (cost.unsigned[round] ?? Number.NaN) / us);
console.log(`  signed calls a second, of those unsigned: ${formatSpread(spread(ratios), 2)}`);
