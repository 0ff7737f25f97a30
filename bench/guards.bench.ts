/**
 * What the guards against floods and overload cost a trunk call: the messages that the engine receives of one, through the bucket of
 * their source and the inbox, as against handed on at once; round after round in turn. Printed as a share of what the call costs in the
 * engine (`call-path.bench.ts`), measured in the same run. What they allocate is told too.
 *
 *   node --expose-gc bench/guards.bench.ts [--calls 20000] [--rounds 15]
 */
import { parseArgs } from 'node:util';
import { Inbox } from '../src/sip/endpoint/inbox.ts';
import { type Flow, SourceGate } from '../src/sip/transport/index.ts';
import { knownBy } from '../test/kit/known.ts';
import { allocatedBy } from './kit/allocation.ts';
import { CallMachine } from './kit/call-machine.ts';
import { formatSpread, spread } from './kit/statistics.ts';

const { values: options } = parseArgs({
  options: { calls: { type: 'string', default: '20000' }, rounds: { type: 'string', default: '15' } },
});
const calls = Number(options.calls);
const rounds = Number(options.rounds);
/** Messages that share a turn of the event loop, at 1,000 calls a second. */
const PER_TURN = 4;
const PHONE = { remoteAddress: '127.0.0.2' } as Flow;
const CARRIER = { remoteAddress: '127.0.0.8' } as Flow;

const message = (line: string, tag = '') =>
  `${line} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:5061;branch=z9hG4bKbench\r\nFrom: <sip:101@acme.example.com>;tag=a\r\nTo: <sip:+493012345678@acme.example.com>${tag}\r\nCall-ID: bench\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n`;
const received: readonly (readonly [string, Flow])[] = [
  [message('INVITE sip:+493012345678@acme.example.com'), PHONE],
  [message('SIP/2.0 100 Trying'), CARRIER],
  [message('SIP/2.0 180 Ringing', ';tag=c'), CARRIER],
  [message('SIP/2.0 200 OK', ';tag=c'), CARRIER],
  [message('ACK sip:127.0.0.1', ';tag=c'), PHONE],
  [message('BYE sip:127.0.0.1', ';tag=c'), PHONE],
  [message('SIP/2.0 200 OK', ';tag=c'), CARRIER],
];

let handled = 0;
const handle = () => {
  handled++;
};
const clock = { nowMs: () => performance.now(), wallMs: () => Date.now() };
const gate = new SourceGate(clock, { ...knownBy(() => true), knownPerSecond: 1e9 });
const inbox = new Inbox({
  clock,
  sourceOf: (address) => gate.sourceOf(address),
  server: { handle, refuseUnread: () => false, refuseOctets: () => false },
});

async function usPerCall(take: (text: string, flow: Flow) => void): Promise<number> {
  const before = process.threadCpuUsage();
  for (let call = 0, inTurn = 0; call < calls; call++) {
    for (const [text, flow] of received) {
      take(text, flow);
      if (++inTurn % PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / calls;
}

const guarded = (text: string, flow: Flow) => {
  if (gate.admits(flow.remoteAddress)) inbox.push(text, flow);
};

const machine = new CallMachine();
await machine.start();
await machine.placeCalls(8_000, 300);
await usPerCall(guarded);
await usPerCall(handle);

const guards: number[] = [];
const engine: number[] = [];
const shares: number[] = [];
for (let round = 0; round < rounds; round++) {
  const without = await usPerCall(handle);
  const guardUs = (await usPerCall(guarded)) - without;
  const before = machine.engineUs;
  await machine.placeCalls(1_000, 300);
  const engineUs = (machine.engineUs - before) / 1_000;
  guards.push(guardUs);
  engine.push(engineUs);
  shares.push((100 * guardUs) / (engineUs + guardUs));
}
const octetsPerCall = async (take: (text: string, flow: Flow) => void) => {
  const { byFunction } = await allocatedBy(async () => void (await usPerCall(take)));
  return byFunction.reduce((sum, [, octets]) => sum + octets, 0) / calls;
};
const octets = [await octetsPerCall(handle), await octetsPerCall(guarded)] as const;
if (handled !== (2 * rounds + 4) * calls * received.length) throw new Error('a message was not handled');
if (machine.phone.failed > 0) throw new Error(`${machine.phone.failed} calls failed`);
console.log(`${received.length} messages of a call, ${rounds} rounds: median (least–most)`);
console.log(`  the guards              ${formatSpread(spread(guards), 2)} µs a call`);
console.log(`  the call in the engine  ${formatSpread(spread(engine), 1)} µs`);
console.log(`  allocated by the guards ${Math.max(0, octets[1] - octets[0]).toFixed(0)} octets a call`);
console.log(`  the guards' share       ${formatSpread(spread(shares), 2)} %`);
await machine.close();
