/**
 * What a trunk call takes more when its phone is asked for its password, and among 10,000 trunks and 1,000,000 DIDs: engines in one process,
 * in turn, so that the machine is the same for all. CPU of the engine on its thread, without the sockets.
 *
 *   node bench/call-kinds.ts [--calls 2000] [--rounds 7] [--warm-up 6000] [--trunks 10000] [--dids 1000000]
 *
 * A call with digest is set beside what it is made of: a plain call, an INVITE that is challenged and given up, as it costs among calls, and
 * credentials that are verified, as they cost in a call whose phone uses its nonce again. A call among many trunks is set beside a plain one.
 */
import { parseArgs } from 'node:util';
import { tuneV8 } from '../src/node/v8-tuning.ts';
import { CallMachine } from './kit/call-machine.ts';
import { scaleProvisioning } from './kit/scale-state.ts';
import { formatSpread, spread } from './kit/statistics.ts';
import { benchProvisioning, CHALLENGED, challengedProvisioning, digestProvisioning } from './peers/provisioning.ts';

const { values: options } = parseArgs({
  options: {
    calls: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '7' },
    'warm-up': { type: 'string', default: '6000' },
    trunks: { type: 'string', default: '10000' },
    dids: { type: 'string', default: '1000000' },
  },
});
const RATE = 300;
const CARRIER_PORT = 5070;
const PASSWORD = 'labsecret';
const calls = Number(options.calls);
const scale = { trunks: Number(options.trunks), dids: Number(options.dids) };

tuneV8();
const plain = benchProvisioning(CARRIER_PORT);
const { tenants, trunks } = scaleProvisioning(scale, CARRIER_PORT + 1);
const machines = {
  plain: new CallMachine(plain),
  'and challenged': new CallMachine(challengedProvisioning(CARRIER_PORT), { beside: CHALLENGED }),
  'nonce kept': new CallMachine(digestProvisioning(CARRIER_PORT), { answer: { password: PASSWORD, keepsNonce: true } }),
  'with digest': new CallMachine(digestProvisioning(CARRIER_PORT), { answer: { password: PASSWORD } }),
  'among many': new CallMachine({
    tenants: [...plain.tenants, ...tenants],
    trunks: [...plain.trunks, ...trunks],
  }),
};
type Name = keyof typeof machines;
const each = Object.entries(machines) as [Name, CallMachine][];
const us = Object.fromEntries(each.map(([name]) => [name, []])) as unknown as Record<Name, number[]>;
for (const [, machine] of each) {
  await machine.start();
  await machine.placeCalls(Number(options['warm-up']), RATE);
}
for (let round = 0; round < Number(options.rounds); round++) {
  for (const [name, machine] of each) {
    const before = machine.engineUs + machine.loopUs;
    await machine.placeCalls(calls, RATE);
    us[name].push((machine.engineUs + machine.loopUs - before) / calls);
  }
}
for (const [name, { phone }] of each) {
  const isRight = phone.challenged === (name === 'and challenged' ? phone.completed : 0);
  if (phone.failed > 0 || !isRight) throw new Error(`${name}: ${phone.failed} failed, ${phone.challenged} challenged`);
}
const beside = (of: Name, base: (round: number) => number) =>
  formatSpread(spread(us[of].map((value, round) => value / base(round))), 2);
const at = (name: Name, round: number) => us[name][round] ?? Number.NaN;
console.log(`trunk calls in the engine, ${options.rounds} rounds of ${calls} in turn: median (least–most)`);
for (const [name] of each) console.log(`  ${name.padEnd(12)} ${formatSpread(spread(us[name]), 1)} µs`);
console.log(
  `  with digest: × a plain call, a challenged INVITE and a verification ${beside('with digest', (round) => at('and challenged', round) + at('nonce kept', round) - at('plain', round))}`,
);
console.log(
  `  ${scale.trunks} trunks, ${scale.dids} DIDs: × a plain call ${beside('among many', (round) => at('plain', round))}`,
);
for (const [, machine] of each) await machine.close();
