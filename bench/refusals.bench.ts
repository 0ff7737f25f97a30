/**
 * What a request costs that is refused because there is no time for it, and the ACK to that, on this thread without the kernel: datagrams
 * through an endpoint at its sockets' place, while others wait. Strangers' requests for which there is no place are measured too. And
 * what each allocates.
 *
 *   node --expose-gc bench/refusals.bench.ts [--requests 2000] [--rounds 40]
 */
import type { RemoteInfo } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { parseArgs } from 'node:util';
import { WheelScheduler } from '../src/base/wheel-scheduler.ts';
import { SipTrace } from '../src/observe/index.ts';
import { Endpoint } from '../src/sip/endpoint/index.ts';
import { knownBy } from '../test/kit/known.ts';
import { allocatedBy } from './kit/allocation.ts';
import { formatSpread, spread } from './kit/statistics.ts';

const { values: options } = parseArgs({
  options: { requests: { type: 'string', default: '2000' }, rounds: { type: 'string', default: '40' } },
});
const requests = Number(options.requests);
const rounds = Number(options.rounds);
const KNOWN = '127.0.0.2';
const STRANGER = '127.0.0.66';
const SDP =
  'v=0\r\no=a 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\n';

/** Everything of a socket but the kernel. */
class Socket extends EventEmitter {
  sent = 0;
  /** The latest To tag that was sent. */
  tag = '';
  bind(_port: number, _address: string, callback: () => void): void {
    callback();
  }
  address() {
    return { address: '127.0.0.1', port: 5060 };
  }
  getRecvBufferSize() {
    return 8_388_608;
  }
  getSendBufferSize() {
    return 8_388_608;
  }
  send(octets: Buffer): void {
    if (this.sent++ === 0) this.tag = /\r\nTo: [^\r]*;tag=([^\r]*)/.exec(octets.toString('latin1'))?.[1] ?? '';
  }
  close(callback: () => void): void {
    callback();
  }
}

let number = 0;
const message = (method: string, from: string, tag: string, call: number) => {
  const body = method === 'INVITE' ? SDP : '';
  return Buffer.from(
    `${method} sip:+493012345678@acme.example.com SIP/2.0\r\nVia: SIP/2.0/UDP ${from}:5061;rport;branch=z9hG4bKbench${call}${method}\r\nMax-Forwards: 70\r\nFrom: <sip:101@acme.example.com>;tag=q${call}\r\nTo: <sip:+493012345678@acme.example.com>${tag}\r\nCall-ID: bench-${call}\r\nCSeq: 1 ${method}\r\nContact: <sip:101@${from}:5061>\r\nUser-Agent: bench\r\nContent-Type: application/sdp\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    'latin1',
  );
};

const socket = new Socket();
const scheduler = new WheelScheduler();
let busyUs = 0;
const endpoint = new Endpoint(
  {
    scheduler,
    sources: { admits: () => true, hasRoomFor: () => true, ...knownBy((address) => address === KNOWN) },
    inboxLimits: { backlogMs: 0, strangersWaiting: 1 },
    isEmergency: () => false,
    isEmergencyNumber: (dialled) => dialled === '112',
    createSocket: () => socket as never,
  },
  {
    onRequest(transaction) {
      // The first one uses up the turn, so that what follows waits.
      const beganMs = performance.now();
      while (performance.now() - beganMs < 8);
      busyUs += (performance.now() - beganMs) * 1000;
      transaction.reply(486);
    },
    onAck() {},
  },
  { debug() {}, info() {}, warn() {}, error() {} } as never,
);
const trace = new SipTrace(scheduler);
endpoint.observer = {
  onReceived: (text, flow) => trace.record(text, false, flow),
  onSent: (text, flow) => trace.record(text, true, flow),
};
await endpoint.open([{ transport: 'udp', host: '127.0.0.1', port: 5060 }]);

/** One turn of the socket: a call that keeps the thread, those that wait, and what is measured. Microseconds each. */
async function turn(measured: readonly Buffer[], from: string): Promise<number> {
  const deliver = (octets: Buffer, address: string) =>
    socket.emit('message', octets, { address, port: 5061, family: 'IPv4', size: octets.length } satisfies RemoteInfo);
  for (let waits = 0; waits < 40; waits++) deliver(message('INVITE', KNOWN, '', number++), KNOWN);
  for (let waits = 0; waits < 4; waits++) deliver(message('INVITE', STRANGER, '', number++), STRANGER);
  for (const octets of measured) deliver(octets, from);
  const busyBefore = busyUs;
  const isEmpty = () => endpoint.inbox?.isEmpty === true;
  const beganMs = performance.now();
  // The socket's turn; what waits has its own after it.
  await new Promise((resolve) => setImmediate(resolve));
  const us = 1000 * (performance.now() - beganMs) - (busyUs - busyBefore);
  for (let turns = 0; turns < 200 && !isEmpty(); turns++) await new Promise((resolve) => setImmediate(resolve));
  return us / measured.length;
}

const inviteOf = (from: string) => () => message('INVITE', from, '', number++);
const many = (make: () => Buffer) => Array.from({ length: requests }, make);
const kinds = [
  { name: 'a request of a known peer, refused', make: inviteOf(KNOWN), from: KNOWN },
  { name: 'the ACK to that', make: () => message('ACK', KNOWN, `;tag=${socket.tag}`, number++), from: KNOWN },
  { name: "a stranger's, for which there is no place", make: inviteOf(STRANGER), from: STRANGER },
];
for (let warm = 0; warm < 20; warm++) for (const { make, from } of kinds) await turn(many(make), from);
console.log(`${rounds} rounds of ${requests}: median (least–most)`);
for (const { name, make, from } of kinds) {
  const costs: number[] = [];
  for (let round = 0; round < rounds; round++) costs.push(await turn(many(make), from));
  const made = many(make);
  const { byFunction } = await allocatedBy(async () => void (await turn(made, from)));
  const octets = byFunction.reduce((sum, [, each]) => sum + each, 0) / requests;
  console.log(`  ${name.padEnd(42)} ${formatSpread(spread(costs), 2)} µs, ${octets.toFixed(0)} octets`);
}
const { inbox, counters } = endpoint;
if ((inbox?.counters.overloaded ?? 0) < rounds * requests) throw new Error('not all were refused');
if ((inbox?.counters.acksAbsorbed ?? 0) < rounds * requests) throw new Error('not all ACKs were absorbed');
if ((inbox?.counters.strangersDropped ?? 0) < rounds * requests) throw new Error('not all strangers were dropped');
if (counters.uncaughtErrors > 0) throw new Error('uncaught errors');
await endpoint.close();
scheduler.close();
