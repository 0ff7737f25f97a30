/** Random faults under calls: `npm run chaos`, with `--faults 50 --nodes 2 --seed 7 --rate 4 --talk 12`. Exit code 1: something was lost. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { seededRandom } from '../kit/simulated-link.ts';
import { check, type Evidence, type Finding, type WrittenRecord } from './checker.ts';
import { apply, type Fault, plan, strikesRedis } from './faults.ts';
import { Journal, type Leg } from './journal.ts';
import { LIMIT, LIMITED_PORT } from './provisioning.ts';
import { report } from './report.ts';
import { type ChaosNode, startSystem } from './system.ts';
import { Traffic } from './traffic.ts';

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '50' },
    nodes: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
    /** Calls a second. */
    rate: { type: 'string', default: '4' },
    /** Longest talk, seconds. */
    talk: { type: 'string', default: '20' },
    /** Longest that a fault lasts, and between faults, seconds. */
    longest: { type: 'string', default: '10' },
    /** What was answered so many ms before its node ended may be lost. */
    behind: { type: 'string', default: '700' },
    kinds: { type: 'string' },
    logs: { type: 'boolean', default: false },
  },
});

const WHOLE_MS = 30_000;
/** What is worth reading when something went wrong. */
const SAYS = /"event":"(call-|calls-|store|started|drain|clock|trunk-lease|unhandled|uncaught)/;
/** A party that nobody acknowledges ends after 64*T1; BYEs are sent for as long. */
const LAST_MS = 40_000;

const [seed, talkMs, longestMs] = [Number(values.seed), Number(values.talk) * 1000, Number(values.longest) * 1000];
console.log(`seed ${seed}`);
const planned = plan(Number(values.faults), Number(values.nodes), seededRandom(seed), values.kinds?.split(','));
const random = seededRandom(seed + 1);
const journal = new Journal();
/** The run's time of day; a clock that was set is that of a node. */
const began = Date.now();
const system = await startSystem(
  Number(values.nodes),
  planned.some(({ kind }) => kind === 'clock +1 h'),
);
const faults: Fault[] = [];
const findings: Finding[] = [];
let failed: unknown;
try {
  const { nodes } = system;
  const delayMs = (host: string) => nodes.find(({ machine }) => machine.host === host)?.machine.delayMs ?? 0;
  const hosts = nodes.map(({ machine }) => machine.host);
  const world = { journal, random: seededRandom(seed + 2), nodes: hosts, delayMs };
  const traffic = new Traffic(world, nodes, { callsPerSecond: Number(values.rate), maxTalkMs: talkMs });
  await traffic.start();
  await system.whole(WHOLE_MS);
  await pause(Math.min(5_000, longestMs));
  for (const [index, { kind, node: at, lastsMs }] of planned.entries()) {
    const node = nodes[at] as ChaosNode;
    const host = strikesRedis(kind) ? undefined : node.machine.host;
    const never = Number.POSITIVE_INFINITY;
    const fault: Fault = { kind, host, atMs: journal.nowMs(), endMs: never, wholeAtMs: never };
    faults.push(fault);
    const lasts = Math.min(lastsMs, longestMs);
    console.log(
      `${String(index + 1).padStart(3)} ${(fault.atMs / 1000).toFixed(1).padStart(6)} s  ${kind.padEnd(15)} ${(host ?? 'Redis').padEnd(11)} for ${(lasts / 1000).toFixed(1)} s`,
    );
    const undo = await apply(kind, node, system);
    await pause(lasts);
    await undo();
    fault.endMs = journal.nowMs();
    try {
      await system.whole(WHOLE_MS);
    } catch (error) {
      findings.push({
        rule: 'a system that did not become whole',
        atMs: fault.atMs,
        what: `${kind}: ${String(error)}`,
        callIds: [],
      });
    }
    fault.wholeAtMs = journal.nowMs();
    await pause(500 + random() * Math.min(2_000, longestMs));
  }
  traffic.stopCalls();
  // Until nothing is up any more, and no longer than somebody may still send a BYE.
  const deadline = performance.now() + 2 * talkMs + LAST_MS;
  // A leg whose answer nobody acknowledged ends by itself, when nobody waits for it any more.
  const isOver = ({ side, answeredAtMs, confirmedAtMs, endedAtMs, final }: Leg) =>
    answeredAtMs === undefined
      ? final !== undefined
      : endedAtMs !== undefined || (side === 'B' && confirmedAtMs === undefined);
  const isQuiet = () => journal.legs.every(isOver);
  while (!isQuiet() && performance.now() < deadline) await pause(100);
  await pause(1_500);
  const present = await Promise.all(nodes.map(extensionsOf));
  await traffic.close();
  const evidence: Evidence = {
    journal,
    faults,
    records: nodes.flatMap(recordsOf),
    acknowledged: traffic.acknowledged,
    present,
    limit: { port: LIMITED_PORT, calls: LIMIT },
    nodes: nodes.length,
    behindMs: Number(values.behind),
  };
  findings.push(...check(evidence));
  for (const line of report(evidence, findings, traffic.refusedWrites)) console.log(line);
} catch (error) {
  failed = error;
} finally {
  if (values.logs || findings.some(({ allowed }) => allowed === undefined))
    console.log(`--- what the nodes logged\n${logsOf(system.nodes)}`);
  await system.stop();
}
if (failed !== undefined) console.error(failed);
process.exit(failed !== undefined || findings.some(({ allowed }) => allowed === undefined) ? 1 : 0);

async function extensionsOf(node: ChaosNode): Promise<{ node: string; extensions: Set<string> }> {
  const extensions = new Set<string>();
  for (let offset = 0; ; offset += 1000) {
    const { body } = await node.ask('GET', `/api/v1/tenants/acme/extensions?limit=1000&offset=${offset}`);
    const items = body.items as { number: string }[];
    for (const { number } of items) extensions.add(number);
    if (items.length < 1000) return { node: node.name, extensions };
  }
}

function recordsOf({ name, folder }: ChaosNode): WrittenRecord[] {
  const file = join(folder, 'calls.jsonl');
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'));
  return lines.map((line) => ({ ...(JSON.parse(line) as WrittenRecord), node: name }));
}

/** What nodes said of stores, calls and themselves, all together in the order of time. */
function logsOf(nodes: readonly ChaosNode[]): string {
  const lines = nodes.flatMap(({ past, engine }) => [...past, engine.child.output()].join('\n').split('\n'));
  return lines
    .filter((line) => line.startsWith('{') && SAYS.test(line))
    .map((line) => {
      const { time, node, level: _level, event, ...fields } = JSON.parse(line) as Record<string, unknown>;
      return `  ${((Date.parse(String(time)) - began) / 1000).toFixed(3)} ${node} ${event} ${JSON.stringify(fields)}`;
    })
    .toSorted((one, other) => Number.parseFloat(one) - Number.parseFloat(other))
    .join('\n');
}
