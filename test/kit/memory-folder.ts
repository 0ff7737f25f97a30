import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
const ROOM_OCTETS = 2e9;
const NAME = /^tandem-tests-(\d+)-/;

/**
 * A folder in memory for what the tests of this run write, if there is room; it goes with the process, whatever ends that. One whose
 * process was killed outright is removed by the next run.
 */
export function memoryFolder(parent = MEMORY, roomOctets = ROOM_OCTETS): string | undefined {
  if (!existsSync(parent)) return undefined;
  removeLeft(parent);
  const { bavail, bsize } = statfsSync(parent);
  if (bavail * bsize < roomOctets) return undefined;
  const folder = mkdtempSync(join(parent, `tandem-tests-${process.pid}-`));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  // A signal ends this process without an exit event.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.once(signal, () => {
      remove();
      process.kill(process.pid, signal);
    });
  }
  return folder;
}

function removeLeft(parent: string): void {
  for (const name of readdirSync(parent)) {
    const [, pid] = NAME.exec(name) ?? [];
    if (pid !== undefined && !isRunning(Number(pid))) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's is there as well.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
