import { Session } from 'node:inspector/promises';
import { folderOf } from './profile.ts';

interface AllocationNode {
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly selfSize: number;
  readonly children: readonly AllocationNode[];
}

/** One in so many octets is sampled; a call allocates tens of thousands. */
const INTERVAL_OCTETS = 1024;

/** Octets by name, largest first. */
export type Allocations = readonly (readonly [name: string, octets: number])[];

export interface Allocated {
  /** By the folder of the function that asked for them. */
  readonly byFolder: Allocations;
  /** By the function itself, with its file and line. */
  readonly byFunction: Allocations;
}

/**
 * Octets that `work` allocates on the JavaScript heap, those that are collected at once included; what the runtime's own functions
 * allocate counts for their caller.
 */
export async function allocatedBy(work: () => Promise<void>): Promise<Allocated> {
  const session = new Session();
  session.connect();
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: INTERVAL_OCTETS,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  await work();
  const { profile } = await session.post('HeapProfiler.stopSampling');
  session.disconnect();
  return {
    byFolder: sums(profile.head, ({ url }) => folderOf(url)),
    byFunction: sums(profile.head, ({ functionName, url, lineNumber }) => {
      const folder = folderOf(url);
      return folder && `${folder}/${url.split('/').at(-1)}:${lineNumber + 1} ${functionName || '(anonymous)'}`;
    }),
  };
}

/** Where `nameOf` has no name, octets count for the caller. */
function sums(head: AllocationNode, nameOf: (frame: AllocationNode['callFrame']) => string | undefined): Allocations {
  const octets = new Map<string, number>();
  const add = (node: AllocationNode, caller: string) => {
    const name = nameOf(node.callFrame) ?? caller;
    octets.set(name, (octets.get(name) ?? 0) + node.selfSize);
    for (const child of node.children) add(child, name);
  };
  add(head, '(runtime)');
  return [...octets].sort((a, b) => b[1] - a[1]);
}
