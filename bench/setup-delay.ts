/**
 * How many calls a second each server sets up without losing anything, and how long a call takes to be answered at half of that: from
 * the phone's INVITE to its 200, the carrier answering at once. The load is SIPp's, the time is taken by a phone beside it.
 *
 *   npm run bench:setup -- [--only tandem,kamailio] [--from 400] [--most 8000] [--seconds 4] [--capacity 1500]
 *
 * Loss is a call that fails or a message that is sent again (500 ms without an answer); a rate with loss is tried once more before it
 * counts. `--capacity` takes a capacity for given. The delays are p50 and p99, ms.
 *
 *   npm run bench:setup -- --only tandem,tandem-signed       calls that are all signed (STIR/SHAKEN) beside calls that are not
 */
import { parseArgs } from 'node:util';
import { percentile } from '../test/kit/percentile.ts';
import { Probe } from './kit/probe.ts';
import type { Server } from './kit/server.ts';
import { placeCalls, startersOf, warmUp, withServers } from './kit/trunk-load.ts';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'tandem,kamailio' },
    from: { type: 'string', default: '400' },
    most: { type: 'string', default: '8000' },
    seconds: { type: 'string', default: '4' },
    capacity: { type: 'string' },
  },
});

/** From one rate to the next. */
const STEP = 1.2;
const PROBED_PER_SECOND = 50;
/** Before a search, so that everything is compiled. */
const WARM_UP = { calls: 3_000, rate: 250 };
const seconds = Number(options.seconds);

async function isLossless(server: Server, rate: number): Promise<boolean> {
  try {
    const { failed, retransmissions } = await placeCalls(server.port, Math.round(rate * seconds), rate);
    return failed === 0 && retransmissions === 0;
  } catch {
    return false;
  }
}

async function capacityOf(server: Server): Promise<number> {
  let capacity = 0;
  for (let rate = Number(options.from); rate <= Number(options.most); rate = Math.round(rate * STEP)) {
    if (!(await isLossless(server, rate)) && !(await isLossless(server, rate))) return capacity;
    capacity = rate;
  }
  return capacity;
}

async function setupsAt(server: Server, rate: number): Promise<number[]> {
  const probe = await Probe.open(server.port);
  const load = placeCalls(server.port, Math.round(rate * (seconds + 3)), rate);
  try {
    // The load has come to its rate.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    return await probe.measure(PROBED_PER_SECOND, seconds);
  } finally {
    // What the load itself lost is told by the delays.
    await load.catch(() => {});
    probe.close();
  }
}

await withServers(startersOf(options.only), async (servers) => {
  console.log(
    '\nCalls a second without loss, and the time from INVITE to 200 at half of them; × what the first one does',
  );
  let first: number | undefined;
  for (const server of servers) {
    await warmUp(server, WARM_UP.calls, WARM_UP.rate);
    const capacity = options.capacity === undefined ? await capacityOf(server) : Number(options.capacity);
    const rate = Math.round(capacity / 2);
    if (rate === 0) {
      console.log(`  ${server.name.padEnd(12)} loses calls at ${options.from}/s`);
      continue;
    }
    const setups = await setupsAt(server, rate);
    first ??= capacity;
    const [p50, p99] = [percentile(setups, 0.5), percentile(setups, 0.99)];
    console.log(
      `  ${server.name.padEnd(12)} ${String(capacity).padStart(5)} calls/s   at ${rate}/s p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms (${setups.length} calls), × ${(capacity / first).toFixed(2)}`,
    );
  }
});
