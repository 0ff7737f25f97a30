import { readFileSync } from 'node:fs';
import { cpuShare } from '../../src/node/cpu-quota.ts';

const file = new URL('../../bin/runtime-options.json', import.meta.url);

const { always, belowOneCore } = JSON.parse(readFileSync(file, 'utf8')) as Record<'always' | 'belowOneCore', string[]>;

/** The options with which `bin/tandem.js` starts the engine where this process runs, for whoever starts it without that program. */
export const RUNTIME_OPTIONS: readonly string[] = [...always, ...((await cpuShare()) < 1 ? belowOneCore : [])];
