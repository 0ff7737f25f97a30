/**
 * Calls lost by a server that has just been started: the load is offered in full as soon as it says that it is ready, by the same SIPp
 * phone and carrier for each. Prints failed calls (and how many of them were refused with 503), retransmissions (each is a message that was not answered within 500 ms) and the time
 * from the start of the process until it was ready, run by run, and the spread over the rounds at the end. A run in which SIPp itself had
 * to wait for a CPU is marked: it tells of the machine, not of the server.
 *
 *   npm run bench:cold-start -- [--rate 1000] [--calls 4000] [--rounds 3] [--limit 600] [--only unprepared,tandem,after-crash,kamailio]
 *
 * `unprepared` is tandem without its own first calls and without a compile cache, `tandem` a first start (its own calls, an empty cache),
 * `after-crash` one that was killed under load and started again. No run begins after `--limit` seconds; the round under way is cut short.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startSipp } from '../test/kit/sipp.ts';
import type { Server } from './kit/server.ts';
import { isStarved, Starvation } from './kit/starvation.ts';
import { formatSpread, spread } from './kit/statistics.ts';
import { startKamailio } from './peers/kamailio.ts';
import { startTandem } from './peers/tandem.ts';

const { values: options } = parseArgs({
  options: {
    rate: { type: 'string', default: '1000' },
    calls: { type: 'string', default: '4000' },
    rounds: { type: 'string', default: '3' },
    limit: { type: 'string', default: '600' },
    only: { type: 'string', default: 'unprepared,tandem,after-crash,kamailio' },
  },
});
const rate = Number(options.rate);
const calls = Number(options.calls);
/** A call whose messages are lost over and over ends after 32 s (RFC 3261 timers B and F). */
const LOST_CALL_SECONDS = 35;
const deadlineMs = performance.now() + Number(options.limit) * 1000;

const UNPREPARED = { TANDEM_TIMERS_WARM_UP_MS: '0', NODE_DISABLE_COMPILE_CACHE: '1' };
const scenario = (name: string) => fileURLToPath(new URL(`sipp/${name}.xml`, import.meta.url));
const lightSipp = { traceMessages: false, extraArguments: ['-buff_size', '4194304'] };

const starters: Readonly<Record<string, (carrierPort: number, folder: string) => Promise<Server>>> = {
  unprepared: (carrierPort, folder) => startTandem(carrierPort, { folder, environment: UNPREPARED }),
  tandem: (carrierPort, folder) => startTandem(carrierPort, { folder }),
  'after-crash': (carrierPort, folder) => startTandem(carrierPort, { folder }),
  kamailio: startKamailio,
};

function offer(port: number, count: number) {
  return startSipp({
    scenario: scenario('phone'),
    remote: `127.0.0.1:${port}`,
    calls: count,
    callsPerSecond: rate,
    limit: 100_000,
    timeoutSeconds: Math.ceil(count / rate) + LOST_CALL_SECONDS,
    ...lightSipp,
  });
}

/** A first life of the server whose second one is measured. */
async function crash(carrierPort: number, folder: string): Promise<void> {
  const first = await startTandem(carrierPort, { folder });
  const load = await offer(first.port, rate);
  await new Promise((resolve) => setTimeout(resolve, 500));
  first.child.signal('SIGKILL');
  await first.child.exited;
  await load.child.stop();
}

interface Figures {
  readonly failed: number;
  /** Failed calls that the server refused (503). */
  readonly refused: number;
  readonly retransmissions: number;
  readonly readyMs: number;
  /** Share of the time that SIPp waited for a CPU. */
  readonly starvation: number;
}

async function measure(name: string): Promise<Figures> {
  const start = starters[name];
  if (start === undefined)
    throw new Error(`--only: unknown server ${name}; known: ${Object.keys(starters).join(', ')}`);
  const folder = mkdtempSync(join(tmpdir(), 'tandem-bench-'));
  const carrier = await startSipp({ scenario: scenario('carrier'), timeoutSeconds: 300, ...lightSipp });
  let server: Server | undefined;
  try {
    if (name === 'after-crash') await crash(carrier.port, folder);
    const beganMs = performance.now();
    server = await start(carrier.port, folder);
    const readyMs = performance.now() - beganMs;
    const load = await offer(server.port, calls);
    const starvation = new Starvation([load.child.pid, carrier.child.pid]);
    const { successful, unexpected: refused, retransmissions } = await load.finished;
    return { failed: calls - successful, refused, retransmissions, readyMs, starvation: starvation.end() };
  } finally {
    // What it still holds of lost calls is not waited for.
    server?.child.signal('SIGKILL');
    await server?.stop();
    await carrier.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const percent = (share: number) => `${(share * 100).toFixed(0)} %`;

const results = new Map<string, Figures[]>();
let left = 0;
for (let round = 1; round <= Number(options.rounds); round++) {
  for (const name of options.only.split(',')) {
    if (performance.now() > deadlineMs) {
      left++;
      continue;
    }
    try {
      const figures = await measure(name);
      results.set(name, [...(results.get(name) ?? []), figures]);
      const { failed, refused, retransmissions, readyMs, starvation } = figures;
      const mark = isStarved(starvation) ? ': STARVED' : '';
      console.log(
        `round ${round} ${name.padEnd(12)} failed ${failed} (refused ${refused}), retransmissions ${retransmissions}, ready after ${readyMs.toFixed(0)} ms, SIPp waited for a CPU ${percent(starvation)} of the time${mark}`,
      );
    } catch (error) {
      console.log(`round ${round} ${name.padEnd(12)} gave no figures: ${(error as Error).message.slice(0, 500)}`);
    }
  }
}
console.log(`\nThe first ${calls} calls at ${rate}/s, offered as soon as the server is ready: median (least–most)`);
for (const [name, runs] of results) {
  const of = (field: keyof Figures) => formatSpread(spread(runs.map((run) => run[field])));
  const starved = runs.filter(({ starvation }) => isStarved(starvation)).length;
  const note = starved === 0 ? '' : `  SIPp was starved in ${starved} of ${runs.length} runs`;
  console.log(
    `  ${name.padEnd(12)} failed ${of('failed').padEnd(20)} of them refused ${of('refused').padEnd(20)} retransmissions ${of('retransmissions').padEnd(20)} ready after ${of('readyMs')} ms${note}`,
  );
}
if (left > 0) console.log(`${left} runs were left out: ${options.limit} s had passed (--limit)`);
