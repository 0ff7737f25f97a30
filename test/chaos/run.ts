/** Random faults under calls: `npm run chaos`, with `--faults 50 --nodes 2 --seed 7 --rate 4 --talk 12`. Exit code 1: something was lost. */
import { parseArgs } from 'node:util';
import { type ChaosOptions, runChaos } from './chaos.ts';
import { KINDS } from './faults.ts';
import { report, summaryOf } from './report.ts';

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '50' },
    nodes: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
    /** Calls a second. */
    rate: { type: 'string', default: '4' },
    /** Longest talk, seconds. */
    talk: { type: 'string', default: '20' },
    /** Longest that a phone rings, seconds. */
    ring: { type: 'string', default: '7' },
    /** Longest that a fault lasts, and between faults, seconds. */
    longest: { type: 'string', default: '10' },
    /** Shortest silence of a node, seconds; others notice it after 1.3 s. */
    silence: { type: 'string', default: '0' },
    /** What was answered so many ms before its node ended may be lost. */
    behind: { type: 'string', default: '700' },
    kinds: { type: 'string', default: KINDS.join(',') },
    /** One Redis, without replica and Sentinels. */
    alone: { type: 'boolean', default: false },
    logs: { type: 'boolean', default: false },
    /** Says last, in a line of JSON, what befell whom and what was found. */
    json: { type: 'boolean', default: false },
  },
});

const options: ChaosOptions = {
  seed: Number(values.seed),
  faults: Number(values.faults),
  nodes: Number(values.nodes),
  callsPerSecond: Number(values.rate),
  maxTalkMs: Number(values.talk) * 1000,
  maxRingMs: Number(values.ring) * 1000,
  longestMs: Number(values.longest) * 1000,
  leastSilenceMs: Number(values.silence) * 1000,
  behindMs: Number(values.behind),
  kinds: values.kinds.split(','),
  isAlone: values.alone,
};
console.log(`seed ${options.seed}`);
const { evidence, findings, logs, failed } = await runChaos(options, console.log);
const isViolated = findings.some(({ allowed }) => allowed === undefined);
if (evidence !== undefined) for (const line of report(evidence, findings)) console.log(line);
if (values.logs || isViolated) console.log(`--- what the nodes logged\n${logs}`);
if (failed !== undefined) console.error(failed);
if (values.json && evidence !== undefined) console.log(JSON.stringify(summaryOf(evidence, findings)));
process.exit(failed !== undefined || isViolated ? 1 : 0);
