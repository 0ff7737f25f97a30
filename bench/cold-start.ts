/**
 * Calls lost by a server that has just been started: the load is offered in full as soon as it says that it is ready, by the same SIPp
 * phone and carrier for each. Prints failed calls, retransmissions (each is a message that was not answered within 500 ms) and the time
 * from the start of the process until it was ready.
 *
 *   npm run bench:cold-start -- [--rate 1000] [--calls 4000] [--rounds 3] [--only unprepared,tandem,after-crash,kamailio]
 *
 * `unprepared` is tandem without its compile cache and its own first calls; `after-crash` one that was killed under load and started again.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startSipp } from '../test/kit/sipp.ts';
import type { Server } from './kit/server.ts';
import { formatSpread, spread } from './kit/statistics.ts';
import { startKamailio } from './peers/kamailio.ts';
import { startTandem } from './peers/tandem.ts';

const { values: options } = parseArgs({
  options: {
    rate: { type: 'string', default: '1000' },
    calls: { type: 'string', default: '4000' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: 'unprepared,tandem,after-crash,kamailio' },
  },
});
const rate = Number(options.rate);
const calls = Number(options.calls);

const UNPREPARED = { TANDEM_TIMERS_WARM_UP_MS: '0', NODE_DISABLE_COMPILE_CACHE: '1' };
const scenario = (name: string) => fileURLToPath(new URL(`sipp/${name}.xml`, import.meta.url));
const newFolder = () => mkdtempSync(join(tmpdir(), 'tandem-bench-'));
const lightSipp = { traceMessages: false, extraArguments: ['-buff_size', '4194304'] };

/** The folder of the `tandem` that was started before: its cache is filled. */
const warmFolder = newFolder();

const starters: Readonly<Record<string, (carrierPort: number) => Promise<Server>>> = {
  unprepared: (carrierPort) => startTandem(carrierPort, { environment: UNPREPARED }),
  tandem: (carrierPort) => startTandem(carrierPort, { folder: warmFolder }),
  'after-crash': async (carrierPort) => {
    const folder = newFolder();
    const first = await startTandem(carrierPort, { folder });
    const load = await offer(first.port, rate);
    first.child.signal('SIGKILL');
    await first.child.exited;
    await load.stop();
    return startTandem(carrierPort, { folder });
  },
  kamailio: startKamailio,
};

function offer(port: number, count: number) {
  return startSipp({
    scenario: scenario('phone'),
    remote: `127.0.0.1:${port}`,
    calls: count,
    callsPerSecond: rate,
    limit: 100_000,
    timeoutSeconds: Math.ceil(count / rate + 60),
    ...lightSipp,
  });
}

interface Figures {
  readonly failed: number[];
  readonly retransmissions: number[];
  readonly readyMs: number[];
}

async function measure(name: string, figures: Figures): Promise<void> {
  const start = starters[name];
  if (start === undefined)
    throw new Error(`--only: unknown server ${name}; known: ${Object.keys(starters).join(', ')}`);
  const carrier = await startSipp({ scenario: scenario('carrier'), timeoutSeconds: 1000, ...lightSipp });
  let server: Server | undefined;
  try {
    const beganMs = performance.now();
    server = await start(carrier.port);
    figures.readyMs.push(performance.now() - beganMs);
    const load = await offer(server.port, calls);
    const { successful, retransmissions } = await load.finished;
    figures.failed.push(calls - successful);
    figures.retransmissions.push(retransmissions);
  } finally {
    await server?.stop();
    await carrier.stop();
  }
}

const results = new Map<string, Figures>();
for (let round = 0; round < Number(options.rounds); round++) {
  for (const name of options.only.split(',')) {
    const figures = results.get(name) ?? { failed: [], retransmissions: [], readyMs: [] };
    results.set(name, figures);
    await measure(name, figures);
  }
}
console.log(`\nThe first ${calls} calls at ${rate}/s, offered as soon as the server is ready: median (least–most)`);
for (const [name, { failed, retransmissions, readyMs }] of results) {
  const lost = `failed ${formatSpread(spread(failed))}`;
  const late = `retransmissions ${formatSpread(spread(retransmissions))}`;
  const ready = name === 'after-crash' ? '' : `ready after ${formatSpread(spread(readyMs))} ms`;
  console.log(`  ${name.padEnd(12)} ${lost.padEnd(26)} ${late.padEnd(34)} ${ready}`);
}
