import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { cpuShare } from '../../src/node/cpu-quota.ts';

const file = new URL('../../bin/runtime-options.json', import.meta.url);

interface RuntimeOptions {
  readonly always: readonly string[];
  readonly start: readonly string[];
  /** By the most processors with which they count. */
  readonly upToCores: Readonly<Record<string, readonly string[]>>;
  readonly belowOneCore: readonly string[];
}

const { always, start, upToCores, belowOneCore } = JSON.parse(readFileSync(file, 'utf8')) as RuntimeOptions;
const ofCores = Object.entries(upToCores).find(([most]) => availableParallelism() <= Number(most))?.[1] ?? [];

/** The options with which `bin/tandem.js` starts the engine where this process runs, for whoever starts it without that program. */
export const RUNTIME_OPTIONS: readonly string[] = [
  ...always,
  ...ofCores,
  ...start,
  ...((await cpuShare()) < 1 ? belowOneCore : []),
];
