import { fileURLToPath } from 'node:url';
import { startSipp } from '../../test/kit/sipp.ts';
import { startKamailio } from '../peers/kamailio.ts';
import { signedProvisioning } from '../peers/provisioning.ts';
import { startTandem } from '../peers/tandem.ts';
import { startScript } from './script-server.ts';
import type { Server } from './server.ts';

export type Starter = (carrierPort: number) => Promise<Server>;

const starters: Readonly<Record<string, Starter>> = {
  tandem: (carrierPort) => startTandem(carrierPort),
  'tandem-signed': (carrierPort) =>
    startTandem(carrierPort, { name: 'tandem-signed', provisioning: signedProvisioning(carrierPort) }),
  'tandem-workers': (carrierPort) => startTandem(carrierPort, { name: 'tandem-workers', workers: 2 }),
  'tandem-batched': (carrierPort) => startTandem(carrierPort, { name: 'tandem-batched', udpBatching: true }),
  kamailio: startKamailio,
  sip: (carrierPort) => startScript('sip 0.0.6', 'sip-b2bua-process.ts', carrierPort),
  floor: (carrierPort) => startScript('floor', 'call-floor-process.ts', carrierPort),
  forwarder: (carrierPort) => startScript('forwarder', 'forwarder-process.ts', carrierPort),
  'forwarder-batched': (carrierPort) =>
    startScript('forwarder-batched', 'forwarder-process.ts', carrierPort, ['batched']),
};

const scenario = (name: string) => fileURLToPath(new URL(`../sipp/${name}.xml`, import.meta.url));

export interface Load {
  readonly failed: number;
  readonly retransmissions: number;
}

/** The same SIPp phone for every server; throws when more than one call of a hundred fails. */
export async function placeCalls(port: number, calls: number, rate: number, pauseMs = 0): Promise<Load> {
  const phone = await startSipp({
    scenario: scenario('phone'),
    remote: `127.0.0.1:${port}`,
    calls,
    callsPerSecond: rate,
    limit: 100_000,
    pauseMs,
    timeoutSeconds: Math.ceil(calls / rate + pauseMs / 1000 + 60),
    traceMessages: false,
    extraArguments: ['-buff_size', '4194304'],
  });
  const result = await phone.finished;
  if (result.successful + result.failed < calls || result.failed > calls / 100) {
    throw new Error(`calls failed: ${result.failed} of ${calls}\n${result.errors.slice(0, 2000)}`);
  }
  return result;
}

/** Of names separated by commas; throws for one that is not known. */
export function startersOf(names: string): Starter[] {
  return names.split(',').map((name) => {
    const starter = starters[name];
    if (starter !== undefined) return starter;
    throw new Error(`--only: unknown server ${name}; known: ${Object.keys(starters).join(', ')}`);
  });
}

/** Starts each server with a SIPp carrier of its own behind it, and ends them all. */
export async function withServers(
  chosen: readonly Starter[],
  run: (servers: Server[]) => Promise<void>,
): Promise<void> {
  const stops: (() => Promise<unknown>)[] = [];
  const servers: Server[] = [];
  try {
    for (const starter of chosen) {
      const carrier = await startSipp({
        scenario: scenario('carrier'),
        timeoutSeconds: 100_000,
        traceMessages: false,
        extraArguments: ['-buff_size', '4194304'],
      });
      stops.push(() => carrier.stop());
      const server = await starter(carrier.port);
      stops.push(() => server.stop());
      servers.push(server);
    }
    await run(servers);
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** Gently at first: a server that has compiled nothing yet may refuse calls for its load. */
export async function warmUp(server: Server, calls: number, rate: number): Promise<void> {
  const first = Math.min(calls, 500);
  await placeCalls(server.port, first, 100);
  if (calls > first) await placeCalls(server.port, calls - first, rate);
}
