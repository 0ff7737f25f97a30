import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { startChild } from '../kit/child.ts';
import { peersSkipped } from '../kit/peers.ts';
import { KINDS } from './faults.ts';
import { LIMIT } from './provisioning.ts';
import type { Summary } from './report.ts';

const RUN = fileURLToPath(new URL('./run.ts', import.meta.url));
const FAULTS = 6;
/** Each draws other faults, other traffic. More of them: `TANDEM_CHAOS_SEEDS=1,2,3 npx vitest run test/chaos/chaos.test.ts`. */
const SEEDS = (process.env['TANDEM_CHAOS_SEEDS'] ?? '1').split(',');
/** What one Redis can have; clocks of their own make nodes start slowly. */
const SHORT = KINDS.filter((kind) => kind !== 'failover' && kind !== 'clock +1 h').join(',');
const ARGUMENTS = ['--nodes', '2', '--alone', '--longest', '0.7', '--talk', '1.5', '--ring', '1', '--kinds', SHORT];
/** Half a minute, where nobody else wants the machine. */
const TIME_MS = 150_000;

describe.skipIf(peersSkipped)('random faults under calls, the short form', () => {
  test.each(SEEDS)(
    `seed %s: ${FAULTS} faults befall two nodes and their Redis, calls are answered meanwhile, and nothing is lost that may not be`,
    async (seed) => {
      const run = [process.execPath, RUN, ...ARGUMENTS, '--faults', String(FAULTS), '--seed', seed, '--json'];
      const child = startChild('unshare', ['--net', ...run]);
      expect(await child.exited, child.output()).toBe(0);
      const summary = JSON.parse(child.output().trimEnd().split('\n').at(-1) ?? '') as Summary;
      const { faults, placed, answered, records, violations, refusedWrites } = summary;
      expect(violations).toBe(0);
      expect(faults.map(({ isMended }) => isMended)).toEqual(Array.from({ length: FAULTS }, () => true));
      expect(new Set(faults.map(({ kind }) => kind)).size).toBe(FAULTS);
      // They befell somebody: who is silent is not heard, and without its store a node takes no change.
      const silent = faults.filter(({ heard }) => heard !== undefined);
      expect(silent.length).toBeGreaterThan(0);
      expect(silent.map(({ heard }) => heard)).toEqual(silent.map(() => 0));
      expect(refusedWrites).toBeGreaterThan(0);
      // The limited trunk was full, in the rushes.
      expect(summary.mostOverLimited).toBeGreaterThanOrEqual(LIMIT);
      // And calls went on: half of those that were placed at a node that was silent had to try the other one.
      expect(answered).toBeGreaterThan(FAULTS);
      expect(answered).toBeGreaterThan(placed / 3);
      expect(records).toBeGreaterThanOrEqual(answered);
      console.log(
        `seed ${seed}: ${faults.map(({ kind }) => kind).join(', ')}; ${answered} of ${placed} calls answered`,
      );
    },
    TIME_MS,
  );
});
