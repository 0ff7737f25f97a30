/** Calls of several workers in one table: each call's id there begins with the number of its worker. */
import type { CallChanges, KeptCall, KeptCalls } from '../../call/index.ts';

const SEPARATOR = '/';

/** Changes of one worker's calls as they are kept. */
export function keptAs(worker: number, { put, remove, ...rest }: CallChanges): CallChanges {
  return {
    ...rest,
    put: put.map(({ id, document }) => ({ id: keyOf(worker, id), document })),
    remove: remove.map((id) => keyOf(worker, id)),
  };
}

/**
 * A worker's calls among all. The first one has those of a node without workers as well, and of workers that there are no longer: they
 * are to be moved, by the changes that come along.
 *
 * @param workers how many there are; of one alone everything is its own, and kept without a number.
 */
export function callsOf(
  worker: number,
  { calls, aliveAtMs }: KeptCalls,
  workers: number,
): { readonly kept: KeptCalls; readonly moved: CallChanges | undefined } {
  const own: KeptCall[] = [];
  const put: KeptCall[] = [];
  const remove: string[] = [];
  for (const { id: key, document } of calls) {
    const at = key.indexOf(SEPARATOR);
    const id = key.slice(at + 1);
    const keeper = at === -1 ? undefined : Number(key.slice(0, at));
    const home = keeper !== undefined && keeper < workers ? keeper : 0;
    if (home !== worker) continue;
    own.push({ id, document });
    const kept = workers === 1 ? id : keyOf(worker, id);
    if (kept === key) continue;
    put.push({ id: kept, document });
    remove.push(key);
  }
  return { kept: { calls: own, aliveAtMs }, moved: put.length === 0 ? undefined : { put, remove, aliveAtMs } };
}

function keyOf(worker: number, id: string): string {
  return `${worker}${SEPARATOR}${id}`;
}
