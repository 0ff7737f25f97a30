import { type Dirent, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** As much as a few states of the source and flags of the runtime take. */
const MOST_OCTETS = 200e6;

/**
 * The folder of a cache that only grows, such as what V8 has compiled (`NODE_COMPILE_CACHE`): one that has become larger than this is emptied
 * before the run. Whoever uses it meanwhile makes again what is gone.
 */
export function boundedCache(folder: string, mostOctets = MOST_OCTETS): string {
  const octets = entriesOf(folder).reduce((sum, entry) => sum + sizeOf(entry), 0);
  if (octets > mostOctets) rmSync(folder, { recursive: true, force: true });
  return folder;
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true });
  } catch {
    // It is not there yet, or another run is emptying it.
    return [];
  }
}

function sizeOf(entry: Dirent): number {
  if (!entry.isFile()) return 0;
  return statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
}
