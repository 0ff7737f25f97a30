import { Session } from 'node:inspector/promises';
import { folderOf } from './profile.ts';

interface AllocationNode {
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly selfSize: number;
  readonly children: readonly AllocationNode[];
}

/** One in so many octets is sampled; a call allocates tens of thousands. */
const INTERVAL_OCTETS = 1024;

/**
 * Octets that `work` allocates on the JavaScript heap, those that are collected at once included, by the folder of the function that
 * asked for them: what the runtime's own functions allocate counts for their caller.
 */
export async function allocatedBy(work: () => Promise<void>): Promise<Map<string, number>> {
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
  const octets = new Map<string, number>();
  add(octets, profile.head, '(runtime)');
  return octets;
}

function add(octets: Map<string, number>, node: AllocationNode, caller: string): void {
  const folder = folderOf(node.callFrame.url) ?? caller;
  octets.set(folder, (octets.get(folder) ?? 0) + node.selfSize);
  for (const child of node.children) add(octets, child, folder);
}
