import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { boundedCache } from './test/kit/bounded-cache.ts';
import { memoryFolder } from './test/kit/memory-folder.ts';
import { SecondAttempts } from './test/kit/second-attempts.ts';

/** Two files at a time on two cores as well. */
const sideBySide = Math.max(2, availableParallelism() - 1);

/** Tests that measure what the engine does in a time or with a heap: they have the machine to themselves. */
const alone = [
  'test/end-to-end/faults/disk.test.ts',
  'test/end-to-end/faults/environment.test.ts',
  'test/end-to-end/load.test.ts',
  'test/end-to-end/restart.test.ts',
  'test/hostile/board.test.ts',
  'test/hostile/guided.test.ts',
  'test/hostile/provisioning.test.ts',
  'test/hostile/soak.test.ts',
  'test/store/redis/faults.test.ts',
];

/** Tests of what a machine does to the engine: nodes that die, stores that fail over, strangers. They wait for leases, restarts and elections. */
const faults = [
  'test/chaos/chaos.test.ts',
  'test/end-to-end/faults/**/*.test.ts',
  'test/end-to-end/nodes/**/*.test.ts',
  'test/hostile/**/*.test.ts',
  'test/store/embedded/kill.test.ts',
  'test/store/redis/**/*.test.ts',
];

/** Tests with peer programs, processes or checks of the whole tree; a file has a world of its own. */
const withPeers = ['test/end-to-end/**/*.test.ts', 'test/checks/**/*.test.ts', 'test/docs/**/*.test.ts'];

/** Tests of peers that the suite runs a second time with two workers in every engine; `npm run test:workers` does so with all of them. */
const withWorkers = ['test/end-to-end/field/connection.test.ts', 'test/end-to-end/trunks/identify.test.ts'];

const inMemory = memoryFolder();

/** What has been compiled is kept for all processes and threads: each engine starts with a store of its own, and would compile everything again. */
process.env['NODE_COMPILE_CACHE'] ??= boundedCache(join(import.meta.dirname, 'node_modules/.cache/tandem-tests'));

const env = {
  /** A store waits for the disk at each write, 4 to 50 ms on a busy machine. Tests of what the disk has kept go there all the same (`test/kit/on-disk.ts`). */
  ...(inMemory !== undefined && { TMPDIR: inMemory, DISK_OF_TESTS: tmpdir() }),
};

/** One more where files wait for peers, leases and timers rather than compute. */
const waiting = sideBySide + 1;

/** What others do in their own time is looked at for a while, on a busy machine as well. */
const poll = { timeout: 15_000 };

const time = { testTimeout: 60_000, hookTimeout: 120_000, expect: { poll }, env };

/** Real peers on a machine that others use as well: one more attempt, from the beginning of its suite, and the run names whoever needed it. */
const realTime = { ...time, retry: 1, runner: 'test/kit/attempt-runner.ts' };

/** Five groups, one after the other. `npm test` runs them all, `npm run test:unit` the first. */
export default defineConfig({
  test: {
    reporters: ['default', new SecondAttempts()],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...alone, ...faults, ...withPeers],
          isolate: false,
          // Node's own imports: what a test computes is the code that runs, and a fifth less of it.
          experimental: { viteModuleRunner: false },
          maxWorkers: waiting,
          sequence: { groupOrder: 0 },
          ...time,
        },
      },
      {
        test: {
          name: 'peers',
          include: withPeers,
          exclude: [...alone, ...faults],
          globalSetup: ['test/kit/global-setup.ts'],
          maxWorkers: waiting,
          sequence: { groupOrder: 1 },
          ...realTime,
        },
      },
      {
        test: {
          name: 'faults',
          include: faults,
          exclude: alone,
          globalSetup: ['test/kit/global-setup.ts'],
          maxWorkers: waiting,
          sequence: { groupOrder: 2 },
          ...realTime,
        },
      },
      {
        test: {
          name: 'alone',
          include: alone,
          globalSetup: ['test/kit/global-setup.ts'],
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
          ...realTime,
        },
      },
      {
        test: {
          name: 'workers',
          // Where all engines of the run have workers, these have been.
          include: process.env['TANDEM_TEST_WORKERS'] === undefined ? withWorkers : [],
          globalSetup: ['test/kit/global-setup.ts'],
          maxWorkers: sideBySide,
          sequence: { groupOrder: 4 },
          ...realTime,
          env: { ...env, TANDEM_TEST_WORKERS: '2' },
        },
      },
    ],
  },
});
