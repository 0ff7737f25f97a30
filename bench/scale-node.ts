/** The node that `scale.ts` measures: starts with the configuration given, measures look-ups, says its figures, serves until SIGTERM. */
import { parseArgs } from 'node:util';
import { startNode } from '../src/node/node.ts';
import { parseMessage, SipRequest } from '../src/sip/message/index.ts';
import type { Flow } from '../src/sip/transport/index.ts';
import { didOf, type Scale, sourceOf, tenantOf, trunkId } from './kit/scale-state.ts';

const { values } = parseArgs({
  options: { config: { type: 'string' }, trunks: { type: 'string' }, dids: { type: 'string' } },
});
const scale: Scale = { trunks: Number(values.trunks), dids: Number(values.dids) };

const LOOKUPS = 200_000;
/** A prime, so that neighbours in time are no neighbours in the tables. */
const STRIDE = 7_919;

function inviteFrom(): SipRequest {
  const message = parseMessage(
    [
      'INVITE sip:14155550100@192.0.2.1 SIP/2.0',
      'Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKscale',
      'From: <sip:1@192.0.2.2>;tag=1',
      'To: <sip:14155550100@192.0.2.1>',
      'Call-ID: scale',
      'CSeq: 1 INVITE',
      '',
      '',
    ].join('\r\n'),
  );
  if (!(message instanceof SipRequest)) throw new Error('not a request');
  return message;
}

/** Look-ups per second of CPU time of `look`, which is to be right each time. */
function rate(what: string, look: (index: number) => boolean): number {
  const run = () => {
    for (let n = 0; n < LOOKUPS; n++) if (!look(n * STRIDE)) throw new Error(`${what}: wrong answer for ${n * STRIDE}`);
  };
  run();
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return Math.round((LOOKUPS / (user + system)) * 1e6);
}

const startedMs = performance.now();
const node = await startNode({ configFile: values.config, environment: {}, logStream: { write: () => {} } });
const startMs = performance.now() - startedMs;
const { identification } = node.engine.trunks;
const { directory } = node.engine;

const request = inviteFrom();
const flow = (index: number) => {
  const [remoteAddress, remotePort] = sourceOf(index);
  return { remoteAddress, remotePort, transport: 'udp' } as unknown as Flow;
};
// The last trunk is this machine's own carrier; all others have an address each.
const flows = Array.from({ length: scale.trunks - 1 }, (_, index) => flow(index));
const identifyPerSecond = rate('identify', (n) => {
  const index = n % flows.length;
  const found = identification.identify(request, flows[index] as Flow);
  return found.kind === 'trunk' && found.trunk.id === trunkId(index);
});
const didOwnerPerSecond = rate('didOwner', (n) => {
  const did = n % scale.dids;
  return directory.didOwner(trunkId(did % scale.trunks), didOf(did)) === tenantOf(did % scale.trunks);
});
globalThis.gc?.();
const { rss, heapUsed } = process.memoryUsage();
const port = node.listening.find(({ transport }) => transport === 'udp')?.port;
console.log(
  `figures ${JSON.stringify({ port, startMs, identifyPerSecond, didOwnerPerSecond, rss, heapUsed, trunks: directory.trunks.length })}`,
);
process.on('SIGTERM', () => {
  void node.close().then(() => process.exit(0));
});
