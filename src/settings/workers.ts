/** How many workers a node has, where each listens beside the ports that they share, and what does not go together with them. */

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { CredentialProblem } from './credential-files.ts';
import type { NodeSettings } from './node-schema.ts';
import { socketOf } from './sockets.ts';

/** So many workers for each core at most. */
const PER_CORE = 2;
const FIRST_OWN = 1_000;
const BETWEEN = 10;
const LAST_PORT = 65_535;
/** As long as a node's name may be. */
const LONGEST_NAME = 32;

/** How many there are; 1: the node is one process. */
export function workerCount({ workers }: Pick<NodeSettings, 'workers'>, cores = availableParallelism()): number {
  return workers === 'auto' ? cores : workers;
}

/** The port that a worker (from 0) listens on beside the one that all share: 6060, 6070, 6080, … for 5060. */
export function ownPortOf(worker: number, port: number): number {
  return port + FIRST_OWN + worker * BETWEEN;
}

/** What a worker is called among the nodes of the store: `edge-1-w1`, `edge-1-w2`, … */
export function workerName(node: string, worker: number): string {
  return `${node}-w${worker + 1}`;
}

/** The number of a worker (from 0) of that name; undefined for a name that none has. */
export function workerOf(name: string): number | undefined {
  const [, number] = /^.+-w([1-9][0-9]{0,3})$/.exec(name) ?? [];
  return number === undefined ? undefined : Number(number) - 1;
}

/** The node that a worker of that name is one of; undefined for a name that none has. */
export function nodeOf(name: string): string | undefined {
  return workerOf(name) === undefined ? undefined : name.slice(0, name.lastIndexOf('-w'));
}

/** The settings of one worker. On Redis it is a node with a folder of its own. */
export function workerSettings(settings: NodeSettings, worker: number): NodeSettings {
  const { node, store, records } = settings;
  const file = records.file ?? join(store.path, 'calls.jsonl');
  return {
    ...settings,
    node: workerName(node, worker),
    records: { ...records, file },
    store: store.kind === 'redis' ? { ...store, path: join(store.path, `worker-${worker + 1}`) } : store,
  };
}

/** What is wrong with `workers`, by itself and beside other settings. */
export function workerProblems(settings: NodeSettings, cores = availableParallelism()): CredentialProblem[] {
  const count = workerCount(settings, cores);
  if (count === 1) return [];
  const problems: CredentialProblem[] = [];
  const note = (segments: readonly (string | number)[], path: string, message: string) =>
    problems.push({ code: 'workers', path, message, segments });
  if (count > cores * PER_CORE)
    note(
      ['workers'],
      'workers',
      `must be at most ${cores * PER_CORE}, two for each of the ${cores} cores of this machine`,
    );
  if (process.platform !== 'linux')
    note(['workers'], 'workers', 'needs Linux, which spreads what comes to one port over several processes');
  if (settings.listen.every(({ transport }) => transport === 'tls'))
    note(
      ['listen'],
      'listen',
      'must have a listener over udp or tcp with workers, who pass calls to each other over it',
    );
  const longest = LONGEST_NAME - `-w${count}`.length;
  if (settings.node.length > longest)
    note(['node'], 'node', `must have at most ${longest} characters with ${count} workers, whose names are made of it`);
  for (const [index, { port, publicPort }] of settings.listen.entries()) {
    const at = (field: string) => `listen[${index}].${field}`;
    if (port === 0)
      note(
        ['listen', index, 'port'],
        at('port'),
        'must be given with workers, since all of them listen on it; 0 would be another one for each',
      );
    else if (ownPortOf(count - 1, port) > LAST_PORT)
      note(
        ['listen', index, 'port'],
        at('port'),
        `must be at most ${LAST_PORT - ownPortOf(count - 1, 0)} with ${count} workers, who listen on ports of their own above it`,
      );
    if (publicPort !== undefined)
      note(
        ['listen', index, 'publicPort'],
        at('publicPort'),
        'cannot be used with workers: Via and Contact say the port of each worker, which one number cannot stand for',
      );
  }
  return [...problems, ...portsTaken(settings, count)];
}

/** A worker's own port may not be one that is listened on for something else. */
function portsTaken({ listen, api }: NodeSettings, count: number): CredentialProblem[] {
  const families = new Map<string, string>();
  for (const [index, { transport, port }] of listen.entries())
    if (port !== 0) families.set(`${socketOf(transport)} ${port}`, `listen[${index}].port`);
  if (api.enabled && api.port !== 0) families.set(`tcp ${api.port}`, 'api.port');
  const problems: CredentialProblem[] = [];
  for (const [index, { transport, port }] of listen.entries()) {
    for (let worker = 0; worker < count && port !== 0; worker++) {
      const own = ownPortOf(worker, port);
      const taken = families.get(`${socketOf(transport)} ${own}`);
      if (taken === undefined) continue;
      const message = `worker ${worker + 1} listens on ${own} beside it, which is ${taken}`;
      problems.push({ code: 'workers', path: `listen[${index}].port`, message, segments: ['listen', index, 'port'] });
    }
  }
  return problems;
}
