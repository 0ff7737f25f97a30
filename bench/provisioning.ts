/**
 * How long the event loop is away, and how long an OPTIONS ping waits, while what is provisioned changes and is read. By default with
 * 22,000 tenants, 100,000 extensions and 10,000 trunks.
 *
 *   node bench/provisioning.ts [--tenants 22000] [--extensions 100000] [--trunks 10000] [--only patch,storm,document,…] [--redis]
 */
import { parseArgs } from 'node:util';
import { LargeNode } from '../test/hostile/provisioning/large-node.ts';
import { WORK, type Work } from '../test/hostile/provisioning/work.ts';
import { startRedis } from '../test/kit/redis.ts';

const { values } = parseArgs({
  options: {
    tenants: { type: 'string', default: '22000' },
    extensions: { type: 'string', default: '100000' },
    trunks: { type: 'string', default: '10000' },
    only: { type: 'string', default: Object.keys(WORK).join() },
    redis: { type: 'boolean', default: false },
  },
});
/** What the longest stall may be. */
const BAR_MS = 20;
const SCALE = { stormMs: 5_000, documentTenants: 1_000 };

const beganMs = performance.now();
const size = {
  tenants: Number(values.tenants),
  extensions: Number(values.extensions),
  trunks: Number(values.trunks),
};
const redis = values.redis ? await startRedis() : undefined;
let node: LargeNode | undefined;
const rows: Record<string, Record<string, string>> = {};
try {
  node = await LargeNode.start(size, redis?.url);
  console.log(`ready after ${((performance.now() - beganMs) / 1000).toFixed(1)} s`);
  for (const name of values.only.split(',') as Work[]) {
    const { what, run } = WORK[name];
    const { cpuMs, collectedMs, delayMs, pingP99Ms, eachMs, heapMb } = await run(node, SCALE);
    rows[what] = {
      'CPU of the longest turn, ms': cpuMs.toFixed(1),
      'collections in it': collectedMs.toFixed(1),
      'longest delay': delayMs.toFixed(1),
      'ping p99': pingP99Ms.toFixed(1),
      'each takes': eachMs.toFixed(0),
      'heap, MB': heapMb.toFixed(0),
      holds: cpuMs <= BAR_MS ? 'yes' : 'NO',
    };
  }
} finally {
  await node?.stop();
  await redis?.stop();
  console.table(rows);
}
