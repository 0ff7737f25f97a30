/**
 * CPU per trunk call, side by side: the same SIPp phone and carrier drive each server in turn, round after round, so that a change in
 * the machine's speed meets all of them. Prints µs of CPU a call (median, least and most) and the ratio to Kamailio pair by pair. The
 * forwarder passes texts on unread through the transport layer: what it costs is the floor of any engine on these sockets. `floor` is the
 * barest program on node:dgram.
 *
 *   npm run bench:calls -- [--rate 300] [--calls 3000] [--rounds 5] [--warm-up 4000] [--only tandem,kamailio]
 *   npm run bench:calls -- --held 10000 --only tandem,sip      memory with that many calls in progress, after a collection
 *   npm run bench:calls -- --idle 30         what each costs while nobody calls, in so many seconds
 *   npm run bench:calls -- --only tandem,tandem-signed      what signing each call costs (STIR/SHAKEN)
 *   --variant '--max-semi-space-size=4'      one more tandem, with these options of Node; may be repeated
 */
import { parseArgs } from 'node:util';
import { cpuTime, memoryMegabytes, type Server, wakeUps } from './kit/server.ts';
import { printComparison, spread } from './kit/statistics.ts';
import { placeCalls, startersOf, warmUp, withServers } from './kit/trunk-load.ts';
import { startTandem } from './peers/tandem.ts';

const { values: options } = parseArgs({
  options: {
    rate: { type: 'string', default: '300' },
    calls: { type: 'string', default: '3000' },
    rounds: { type: 'string', default: '5' },
    'warm-up': { type: 'string', default: '4000' },
    only: { type: 'string', default: 'tandem,kamailio,sip,forwarder' },
    held: { type: 'string' },
    idle: { type: 'string' },
    variant: { type: 'string', multiple: true, default: [] },
  },
});

const chosen = [
  ...startersOf(options.only),
  ...options.variant.map((nodeOptions) => (port: number) => startTandem(port, { nodeOptions })),
];

async function measureCpu(): Promise<void> {
  const rate = Number(options.rate);
  const calls = Number(options.calls);
  const rounds = Number(options.rounds);
  await withServers(chosen, async (servers) => {
    for (const server of servers) await warmUp(server, Number(options['warm-up']), Math.min(rate, 300));
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
    printComparison(cost, (name) => `of it system ${spread(system.get(name) ?? []).median.toFixed(0)}`);
    console.log(`  retransmissions seen by the phones: ${retransmissions}`);
  });
}

interface Held {
  /** What is alive after a collection, in the heap and outside of it. The process has more: when V8 collected last, and gave back what, is chance. */
  readonly alive: number;
  readonly process: number;
}

async function heldMegabytes({ child, ...server }: Server, count: number): Promise<Held> {
  child.signal('SIGUSR2');
  const line = new RegExp(`^\\{"probe":${count},.*\\}$`, 'm');
  await child.waitFor(line, 30_000);
  const { heapUsed, external } = JSON.parse(line.exec(child.output())?.[0] ?? '');
  return { alive: (heapUsed + external) / 1e6, process: memoryMegabytes({ child, ...server }) };
}

async function measureMemory(held: number): Promise<void> {
  const rate = 250;
  const probe = new URL('../test/hostile/board/processes/probe-process.ts', import.meta.url).href;
  // Of those that run on Node: only they collect.
  process.env['NODE_OPTIONS'] = `--expose-gc --import ${probe}`;
  await withServers(chosen, async (servers) => {
    console.log(`\nMemory with ${held} calls in progress, MB alive`);
    for (const server of servers) {
      await warmUp(server, Number(options['warm-up']), rate);
      const before = await heldMegabytes(server, 1);
      const rampMs = (held / rate) * 1000;
      const run = placeCalls(server.port, held, rate, rampMs + 8000);
      await new Promise((resolve) => setTimeout(resolve, rampMs + 4000));
      const during = await heldMegabytes(server, 2);
      await run;
      const grown = during.alive - before.alive;
      console.log(
        `  ${server.name.padEnd(12)} grew by ${grown.toFixed(1)} (${before.alive.toFixed(1)} → ${during.alive.toFixed(1)}), ${((grown * 1000) / held).toFixed(2)} KB a call; the process by ${(during.process - before.process).toFixed(1)} (${before.process.toFixed(1)} → ${during.process.toFixed(1)})`,
      );
    }
  });
}

/** What the last calls leave behind has been cleared away by then. */
const CALM_MS = 40_000;

async function measureIdle(seconds: number): Promise<void> {
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await withServers(chosen, async (servers) => {
    for (const server of servers) await warmUp(server, Number(options['warm-up']), Math.min(Number(options.rate), 300));
    await pause(CALM_MS);
    const before = servers.map((server) => ({ cpu: cpuTime(server), wakes: wakeUps(server) }));
    await pause(seconds * 1000);
    console.log(`\nWithout calls, ${seconds} s, all threads`);
    for (const [index, server] of servers.entries()) {
      const { cpu, wakes } = before[index] as (typeof before)[number];
      const { userUs, systemUs } = cpuTime(server);
      const cpuMs = (userUs - cpu.userUs + systemUs - cpu.systemUs) / 1000 / seconds;
      console.log(
        `  ${server.name.padEnd(12)} ${((wakeUps(server) - wakes) / seconds).toFixed(1)} wake-ups and ${cpuMs.toFixed(1)} ms of CPU a second`,
      );
    }
  });
}

if (options.idle !== undefined) await measureIdle(Number(options.idle));
else if (options.held !== undefined) await measureMemory(Number(options.held));
else await measureCpu();
