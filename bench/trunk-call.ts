/**
 * CPU per trunk call, side by side: the same SIPp phone and carrier drive each server in turn, round after round, so that a change in
 * the machine's speed meets all of them. Prints µs of CPU a call (median, least and most) and the ratio to Kamailio pair by pair. The
 * forwarder passes texts on unread through the transport layer: what it costs is the floor of any engine on these sockets.
 *
 *   npm run bench:calls -- [--rate 300] [--calls 3000] [--rounds 5] [--warm-up 4000] [--only tandem,kamailio]
 *   npm run bench:calls -- --held 10000      memory with that many calls in progress
 *   --variant '--max-semi-space-size=4'      one more tandem, with these options of Node; may be repeated
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startSipp } from '../test/kit/sipp.ts';
import { startScript } from './kit/script-server.ts';
import { cpuTime, memoryMegabytes, type Server } from './kit/server.ts';
import { formatSpread, spread } from './kit/statistics.ts';
import { startKamailio } from './peers/kamailio.ts';
import { startTandem } from './peers/tandem.ts';

const { values: options } = parseArgs({
  options: {
    rate: { type: 'string', default: '300' },
    calls: { type: 'string', default: '3000' },
    rounds: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: '4000' },
    only: { type: 'string', default: 'tandem,kamailio,sip,forwarder' },
    held: { type: 'string' },
    variant: { type: 'string', multiple: true, default: [] },
  },
});

const starters: Readonly<Record<string, (carrierPort: number) => Promise<Server>>> = {
  tandem: (carrierPort) => startTandem(carrierPort),
  kamailio: startKamailio,
  sip: (carrierPort) => startScript('sip 0.0.6', 'sip-b2bua-process.ts', carrierPort),
  forwarder: (carrierPort) => startScript('forwarder', 'forwarder-process.ts', carrierPort),
};

const scenario = (name: string) => fileURLToPath(new URL(`sipp/${name}.xml`, import.meta.url));

interface Load {
  readonly failed: number;
  readonly retransmissions: number;
}

async function placeCalls(port: number, calls: number, rate: number, pauseMs = 0): Promise<Load> {
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

function chosenStarters(): ((carrierPort: number) => Promise<Server>)[] {
  const chosen = options.only.split(',').map((name) => {
    const starter = starters[name];
    if (starter !== undefined) return starter;
    throw new Error(`--only: unknown server ${name}; known: ${Object.keys(starters).join(', ')}`);
  });
  return [...chosen, ...options.variant.map((nodeOptions) => (port: number) => startTandem(port, { nodeOptions }))];
}

async function withServers(run: (servers: Server[]) => Promise<void>): Promise<void> {
  const stops: (() => Promise<unknown>)[] = [];
  const servers: Server[] = [];
  try {
    for (const starter of chosenStarters()) {
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
async function warmUp(server: Server, rate: number): Promise<void> {
  const calls = Number(options['warm-up']);
  const first = Math.min(calls, 500);
  await placeCalls(server.port, first, 100);
  if (calls > first) await placeCalls(server.port, calls - first, rate);
}

async function measureCpu(): Promise<void> {
  const rate = Number(options.rate);
  const calls = Number(options.calls);
  const rounds = Number(options.rounds);
  await withServers(async (servers) => {
    for (const server of servers) await warmUp(server, Math.min(rate, 300));
    const cost = new Map<string, number[]>(servers.map((server) => [server.name, []]));
    const system = new Map<string, number[]>(servers.map((server) => [server.name, []]));
    let retransmissions = 0;
    for (let round = 0; round < rounds; round++) {
      for (const server of servers) {
        const before = cpuTime(server);
        const load = await placeCalls(server.port, calls, rate);
        retransmissions += load.retransmissions;
        const after = cpuTime(server);
        const systemUs = after.systemUs - before.systemUs;
        cost.get(server.name)?.push((after.userUs - before.userUs + systemUs) / calls);
        system.get(server.name)?.push(systemUs / calls);
      }
    }
    console.log(`\nCPU per trunk call at ${rate} calls/s, ${rounds} rounds of ${calls} calls, µs: median (least–most)`);
    const base = cost.get('kamailio');
    const width = Math.max(12, ...servers.map(({ name }) => name.length));
    for (const [name, values] of cost) {
      const ratios = base === undefined ? [] : values.map((value, round) => value / (base[round] ?? Number.NaN));
      const ratio = base === undefined ? '' : `   × kamailio ${formatSpread(spread(ratios), 2)}`;
      const kernel = `of it system ${spread(system.get(name) ?? []).median.toFixed(0)}`;
      console.log(`  ${name.padEnd(width)} ${formatSpread(spread(values)).padEnd(20)} ${kernel.padEnd(20)}${ratio}`);
    }
    console.log(`  retransmissions seen by the phones: ${retransmissions}`);
  });
}

async function measureMemory(held: number): Promise<void> {
  const rate = 250;
  await withServers(async (servers) => {
    console.log(`\nMemory with ${held} calls in progress, MB`);
    for (const server of servers) {
      await warmUp(server, rate);
      const before = memoryMegabytes(server);
      const rampMs = (held / rate) * 1000;
      const run = placeCalls(server.port, held, rate, rampMs + 8000);
      await new Promise((resolve) => setTimeout(resolve, rampMs + 4000));
      const during = memoryMegabytes(server);
      await run;
      const grown = during - before;
      console.log(
        `  ${server.name.padEnd(12)} grew by ${grown.toFixed(1)} (${before.toFixed(1)} → ${during.toFixed(1)}), ${((grown * 1024) / held).toFixed(1)} KB a call`,
      );
    }
  });
}

if (options.held !== undefined) await measureMemory(Number(options.held));
else await measureCpu();
