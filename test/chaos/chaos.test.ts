import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { startChild } from '../kit/child.ts';
import { peersSkipped } from '../kit/peers.ts';
import { KINDS, needsReplica } from './faults.ts';
import { LIMIT } from './provisioning.ts';
import type { Summary } from './report.ts';

const RUN = fileURLToPath(new URL('./run.ts', import.meta.url));
/** Each draws other faults, other traffic. More of them: `TANDEM_CHAOS_SEEDS=1,2,3 npx vitest run test/chaos/chaos.test.ts`. */
const SEEDS = (process.env['TANDEM_CHAOS_SEEDS'] ?? '1').split(',');
/** What one Redis can have; clocks of their own make nodes start slowly. */
const SHORT = KINDS.filter((kind) => !needsReplica(kind) && kind !== 'clock +1 h');
/** Each kind once. */
const FAULTS = SHORT.length;
/** Calls last longer than the time before and after a silence in which they may be lost, and silences until another node goes on with them. */
const TIMES = ['--longest', '1.5', '--silence', '2.5', '--talk', '5', '--ring', '1', '--behind', '300'];
const ARGUMENTS = ['--nodes', '2', '--alone', ...TIMES, '--kinds', SHORT.join(',')];
/** What it finds is real, and rarer than a run: the end of the suite names whoever needed another attempt, with what was found. */
const ATTEMPTS = 3;
/** A minute, where nobody else wants the machine; starts take longest where others do. */
const TIME_MS = 240_000;

describe.skipIf(peersSkipped)('random faults under calls, the short form', () => {
  test.each(SEEDS)(
    `seed %s: ${FAULTS} faults befall two nodes and their Redis, calls are answered meanwhile, and nothing is lost that may not be`,
    { timeout: TIME_MS, retry: ATTEMPTS - 1 },
    async (seed) => {
      const run = [process.execPath, RUN, ...ARGUMENTS, '--faults', String(FAULTS), '--seed', seed, '--json'];
      const child = startChild('unshare', ['--net', ...run]);
      const exit = await child.exited;
      expect(exit, found(child.output())).toBe(0);
      const summary = JSON.parse(child.output().trimEnd().split('\n').at(-1) ?? '') as Summary;
      const { faults, placed, answered, records, violations, allowed, refusedWrites, silenced } = summary;
      expect(violations).toBe(0);
      expect(faults.map(({ isMended }) => isMended)).toEqual(Array.from({ length: FAULTS }, () => true));
      expect(new Set(faults.map(({ kind }) => kind)).size).toBe(FAULTS);
      // They befell somebody: who is silent is not heard, another node goes on with its calls, and without its store a node takes no change.
      const silent = faults.filter(({ heard }) => heard !== undefined);
      expect(silent.map(({ heard }) => heard)).toEqual([0, 0, 0]);
      expect(silenced.taken).toBeGreaterThan(0);
      expect(refusedWrites['503 store-unavailable']).toBeGreaterThan(0);
      // Most of what they befell was judged.
      expect(silenced.judged).toBeGreaterThan(silenced.up / 2);
      expect(allowed).toBeLessThan(silenced.judged / 2);
      // The limited trunk was full, in the rushes.
      expect(summary.mostOverLimited).toBeGreaterThanOrEqual(LIMIT);
      // And calls went on: half of those that were placed at a node that was silent had to try the other one.
      expect(answered).toBeGreaterThan(FAULTS);
      expect(answered).toBeGreaterThan(placed / 3);
      expect(records).toBeGreaterThanOrEqual(answered);
      console.log(
        `seed ${seed}: ${faults.map(({ kind }) => kind).join(', ')}; ${answered} of ${placed} calls answered, ${silenced.up} up at silences, ${silenced.taken} taken over, ${allowed} lost as allowed`,
      );
    },
  );
});

/** What was violated, before all the rest: the first line is what the end of a run repeats. */
function found(output: string): string {
  const lines = output.split('\n').filter((line) => line.startsWith('VIOLATION'));
  return `${lines.map((line) => line.replace(/^VIOLATION [0-9.]+ s: /, '')).join('; ')}\n${output}`;
}
