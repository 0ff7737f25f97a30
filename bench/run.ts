/**
 * Every benchmark of the hot path in one go, with the goals beside the figures. Where a goal is missed, the functions that cost most in
 * the call path are listed.
 *
 *   npm run bench              micro benchmarks, a call in the engine, trunk calls at 300 and 1,000 a second, memory of calls held,
 *                              REGISTER with digest, calls a second without loss and set-up delays, calls with digest and among 10,000
 *                              trunks, the first calls after a start
 *   npm run bench:short        the same in small, under 90 s, for CI: it fails when something does not run, or when a call allocates more
 *                              or keeps the collector longer than before; CPU, which depends on the machine, is only printed
 *   npm run bench -- --plot docs/cpu-of-a-call.svg      draws the CPU of trunk calls and registrations, too
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { type BarGroup, barChart, barsOf } from './kit/plot.ts';
import { hottestFolders, hottestFunctions } from './kit/profile.ts';

const { values: options } = parseArgs({
  options: { short: { type: 'boolean', default: false }, plot: { type: 'string' } },
});

/** A script of this folder and what is looked for in what it prints. */
interface Run {
  readonly script: string;
  readonly args: readonly string[];
  readonly goals: readonly Goal[];
  /** What its bars are of, in the plot. */
  readonly plotted?: string;
}

interface Goal {
  readonly what: string;
  readonly unit: string;
  readonly atMost?: number;
  readonly atLeast?: number;
  /** Its first group is the figure. */
  readonly pattern: RegExp;
}

const ALLOCATED = /allocated by the engine +([\d.]+)/;
const ON_HELPERS = /on helper threads +([\d.]+)/;
const HELD = /calls in progress +[\d.]+ MB of heap, ([\d.]+) KB/;
const RATIO = /tandem .*× kamailio ([\d.]+)/;
const BATCHED_RATIO = /tandem-batched .*× kamailio ([\d.]+)/;

const LONG: readonly Run[] = [
  { script: 'message.bench.ts', args: [], goals: [] },
  { script: 'transaction.bench.ts', args: [], goals: [] },
  { script: 'digest.bench.ts', args: [], goals: [] },
  { script: 'stir-sign.bench.ts', args: [], goals: [] },
  { script: 'stir-verify.bench.ts', args: [], goals: [] },
  {
    script: 'call-path.bench.ts',
    args: ['--held', '10000'],
    goals: [
      { what: 'a call in the engine', unit: 'µs', atMost: 70, pattern: /in the engine +([\d.]+)/ },
      { what: 'allocated by a call', unit: 'KB', atMost: 25, pattern: ALLOCATED },
      { what: 'helper threads, a call', unit: 'µs', atMost: 50, pattern: ON_HELPERS },
      { what: 'heap of a call in progress', unit: 'KB', atMost: 4.6, pattern: HELD },
    ],
  },
  // The B2BUA on `sip` is late at 1,000 a second: retransmissions make its figure one of another work.
  ...[
    { rate: '300', only: 'tandem,tandem-batched,kamailio,sip,forwarder', atMost: 1.7 },
    { rate: '1000', only: 'tandem,tandem-batched,kamailio,forwarder', atMost: 1.5 },
  ].map(({ rate, only, atMost }) => ({
    script: 'trunk-call.ts',
    args: ['--only', only, '--rate', rate, '--calls', String(Number(rate) * 8)],
    goals: [
      { what: `CPU of a trunk call at ${rate}/s`, unit: '× Kamailio', atMost, pattern: RATIO },
      { what: '  the same with udpBatching', unit: '× Kamailio', atMost: 1.3, pattern: BATCHED_RATIO },
    ],
    plotted: `a trunk call, ${rate} a second`,
  })),
  {
    script: 'trunk-call.ts',
    args: ['--only', 'tandem,sip', '--held', '10000'],
    goals: [{ what: '10,000 calls in progress', unit: 'MB', atMost: 50, pattern: /tandem +grew by ([\d.]+)/ }],
  },
  {
    script: 'register.ts',
    args: [],
    goals: [{ what: 'REGISTER with digest', unit: '× Kamailio', atMost: 2, pattern: RATIO }],
    plotted: 'REGISTER with digest, 10,000 extensions',
  },
  {
    script: 'setup-delay.ts',
    args: [],
    goals: [{ what: 'without loss, one core', unit: 'calls/s', atLeast: 3000, pattern: /tandem +(\d+) calls/ }],
  },
  {
    script: 'call-kinds.ts',
    args: [],
    goals: [
      { what: 'a call with digest', unit: '× its parts', atMost: 1.1, pattern: /and a verification ([\d.]+)/ },
      {
        what: '10,000 trunks, 1,000,000 DIDs',
        unit: '× a plain call',
        atMost: 1.1,
        pattern: /DIDs: × a plain call ([\d.]+)/,
      },
    ],
  },
  { script: 'cold-start.ts', args: ['--rounds', '2', '--only', 'tandem,after-crash,kamailio'], goals: [] },
  { script: 'scale.ts', args: [], goals: [] },
];

const SHORT: readonly Run[] = [
  {
    script: 'call-path.bench.ts',
    args: ['--calls', '1000', '--rounds', '3', '--warm-up', '3000', '--held', '1000'],
    // What was reached and some slack: lower them with what is gained.
    goals: [
      { what: 'allocated by a call', unit: 'KB', atMost: 36.6, pattern: ALLOCATED },
      { what: 'helper threads, a call', unit: 'µs', atMost: 250, pattern: ON_HELPERS },
      { what: 'heap of a call in progress', unit: 'KB', atMost: 5, pattern: HELD },
    ],
  },
  {
    script: 'trunk-call.ts',
    args: ['--only', 'tandem,forwarder', '--rate', '100', '--calls', '300', '--rounds', '1', '--warm-up', '300'],
    goals: [],
  },
  { script: 'scale.ts', args: ['--short'], goals: [] },
];

const run = promisify(execFile);

async function output(script: string, args: readonly string[], nodeOptions: readonly string[] = []): Promise<string> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { stdout } = await run(process.execPath, [...nodeOptions, path, ...args], { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** One that does not run misses its goals; the others run all the same. */
function failed(error: Error & { readonly stdout?: string; readonly stderr?: string }): string {
  console.error(error.stderr ?? String(error));
  process.exitCode = 1;
  return error.stdout ?? '';
}

function judge(goal: Goal, text: string): { readonly line: string; readonly missed: boolean } {
  const figure = Number(goal.pattern.exec(text)?.[1] ?? Number.NaN);
  const { atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY } = goal;
  const missed = !(figure <= atMost && figure >= atLeast);
  const bound = goal.atMost === undefined ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`;
  return {
    line: `${goal.what.padEnd(32)} ${`${figure} ${goal.unit}`.padEnd(18)} goal ${bound}: ${missed ? 'MISSED' : 'met'}`,
    missed,
  };
}

async function printProfile(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-profile-'));
  const profiled = ['--cpu-prof', `--cpu-prof-dir=${folder}`];
  await output('call-path.bench.ts', ['--rounds', '2'], profiled);
  const [file] = readdirSync(folder);
  if (file === undefined) throw new Error('no profile was written');
  const profile = readFileSync(join(folder, file), 'utf8');
  console.log('\nWhere a call spends its time in the engine, by folder and by function:');
  for (const { name, share } of [...hottestFolders(profile, 20), ...hottestFunctions(profile, 10)]) {
    console.log(`  ${(share * 100).toFixed(1).padStart(5)} %  ${name}`);
  }
}

const verdicts: { readonly line: string; readonly missed: boolean }[] = [];
const plotted: BarGroup[] = [];
for (const { script, args, goals, plotted: label } of options.short ? SHORT : LONG) {
  console.log(`\n$ node bench/${[script, ...args].join(' ')}`);
  const text = await output(script, args).catch(failed);
  process.stdout.write(text);
  for (const goal of goals) verdicts.push(judge(goal, text));
  if (label !== undefined) plotted.push({ label, bars: barsOf(text) });
}
if (options.plot !== undefined) writeFileSync(options.plot, barChart('CPU, shorter is better', 'µs', plotted));
if (verdicts.length > 0) console.log(`\n${verdicts.map(({ line }) => line).join('\n')}`);
if (verdicts.some(({ missed }) => missed)) {
  await printProfile();
  // The long run's goals are aims; what the short run holds was reached.
  if (options.short) process.exitCode = 1;
}
