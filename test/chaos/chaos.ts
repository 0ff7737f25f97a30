/** A run of random faults under calls, from an empty network to what the checker found. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '../kit/simulated-link.ts';
import { check, type Evidence, type Finding, type WrittenRecord } from './checker.ts';
import { apply, type Fault, needsReplica, type Planned, plan, silences, strikesRedis } from './faults.ts';
import { Journal, type Leg } from './journal.ts';
import { LIMIT, LIMITED_PORT } from './provisioning.ts';
import { type ChaosNode, type System, startSystem } from './system.ts';
import { Traffic } from './traffic.ts';

export interface ChaosOptions {
  /** Faults and traffic are drawn by it. */
  readonly seed: number;
  /** How many faults, one after the other. */
  readonly faults: number;
  readonly nodes: number;
  readonly callsPerSecond: number;
  readonly maxTalkMs: number;
  readonly maxRingMs: number;
  /** Longest that a fault lasts, and between faults. */
  readonly longestMs: number;
  /** Shortest that a node is silent. */
  readonly leastSilenceMs: number;
  /** What was answered so long before its node ended may be lost. */
  readonly behindMs: number;
  readonly kinds: readonly string[];
  /** One Redis, without replica and Sentinels. */
  readonly isAlone: boolean;
}

export interface Outcome {
  /** Undefined: the run did not come to its end. */
  readonly evidence: Evidence | undefined;
  readonly findings: readonly Finding[];
  /** What the nodes said that is worth reading when something went wrong. */
  readonly logs: string;
  readonly failed: unknown;
}

const WHOLE_MS = 30_000;
const SAYS = /"event":"(call-|calls-|commit-|changes-|store|started|drain|clock|trunk-lease|unhandled|uncaught)/;
/** A party that nobody acknowledges ends after 64*T1; BYEs are sent for as long. */
const LAST_MS = 40_000;

export async function runChaos(options: ChaosOptions, say: (line: string) => void): Promise<Outcome> {
  const { seed, isAlone } = options;
  const kinds = options.kinds.filter((kind) => !(isAlone && needsReplica(kind)));
  const planned = plan(options.faults, options.nodes, seededRandom(seed), kinds);
  const setsClocks = planned.some(({ kind }) => kind === 'clock +1 h');
  const system = await startSystem({ nodes: options.nodes, setsClocks, isAlone });
  const journal = new Journal();
  /** The time of day when the journal began; a clock that was set is that of a node. */
  const began = Date.now();
  const findings: Finding[] = [];
  let evidence: Evidence | undefined;
  let failed: unknown;
  try {
    const { nodes } = system;
    const delayMs = (host: string) => nodes.find(({ machine }) => machine.host === host)?.machine.delayMs ?? 0;
    const hosts = nodes.map(({ machine }) => machine.host);
    const traffic = new Traffic({ journal, random: seededRandom(seed + 2), nodes: hosts, delayMs }, nodes, options);
    await traffic.start();
    await system.whole(WHOLE_MS);
    await pause(Math.min(5_000, options.longestMs));
    const faults = await strike(planned, system, traffic, journal, options, findings, say);
    traffic.stopCalls();
    await quiet(journal, 2 * options.maxTalkMs + LAST_MS);
    const present = await Promise.all(nodes.map(extensionsOf));
    await traffic.close();
    evidence = {
      journal,
      faults,
      records: nodes.flatMap(recordsOf),
      acknowledged: traffic.acknowledged,
      refusedWrites: traffic.refusedWrites,
      present,
      limit: { port: LIMITED_PORT, calls: LIMIT },
      nodes: nodes.length,
      behindMs: options.behindMs,
    };
    findings.push(...check(evidence));
  } catch (error) {
    failed = error;
  } finally {
    await system.stop();
  }
  return { evidence, findings, logs: logsOf(system.nodes, began), failed };
}

/** One fault after the other; after each the system has its time to be whole again. The limited trunk has its rush after each fourth, when all hear each other, and in each eighth. */
async function strike(
  planned: readonly Planned[],
  system: System,
  traffic: Traffic,
  journal: Journal,
  { seed, longestMs, leastSilenceMs }: ChaosOptions,
  findings: Finding[],
  say: (line: string) => void,
): Promise<Fault[]> {
  const faults: Fault[] = [];
  const random = seededRandom(seed + 1);
  for (const [index, { kind, node: at, lastsMs: drawnMs }] of planned.entries()) {
    const node = system.nodes[at] as ChaosNode;
    const host = strikesRedis(kind) ? undefined : node.machine.host;
    const never = Number.POSITIVE_INFINITY;
    const lastsMs = Math.max(Math.min(drawnMs, longestMs), silences(kind) ? leastSilenceMs : 0);
    const fault: Fault = { kind, host, atMs: journal.nowMs(), lastsMs, endMs: never, wholeAtMs: never };
    faults.push(fault);
    say(
      `${String(index + 1).padStart(3)} ${(fault.atMs / 1000).toFixed(1).padStart(6)} s  ${kind.padEnd(15)} ${(host ?? 'Redis').padEnd(11)} for ${(lastsMs / 1000).toFixed(1)} s`,
    );
    const before = strikesRedis(kind) ? await system.roles() : undefined;
    const undo = await apply(kind, node, system);
    const rush = index % 8 === 3 ? traffic.rush() : undefined;
    await pause(lastsMs);
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
    // Sentinels that were about to promote the replica do so when both are back.
    if (before !== undefined) fault.hasFailedOver = (await system.roles()).master !== before.master;
    await (index % 4 === 1 ? traffic.rush() : rush);
    await pause(500 + random() * Math.min(2_000, longestMs));
  }
  return faults;
}

/**
 * Until nothing is up any more, and no longer than somebody may still send a BYE. A leg whose answer nobody acknowledged is up until its callee ends
 * it, after 64*T1 (RFC 3261 §13.3.1.4): when that was is judged as of any other.
 */
async function quiet(journal: Journal, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  const isOver = ({ answeredAtMs, endedAtMs, final }: Leg) =>
    answeredAtMs === undefined ? final !== undefined : endedAtMs !== undefined;
  while (!journal.legs.every(isOver) && performance.now() < deadline) await pause(100);
  await pause(1_500);
}

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
function logsOf(nodes: readonly ChaosNode[], began: number): string {
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
