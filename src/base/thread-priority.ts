import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { basename } from 'node:path';

/**
 * Has this thread give way to all others of the machine, that of the calls among them: for a thread that reads what nobody waits for by the
 * millisecond. Where processors are short it gets about a tenth of one. It is for good, since a higher priority takes a privilege. Linux
 * gives each thread a priority of its own; where a thread has no number of its own nothing changes.
 */
export function giveWay(): void {
  try {
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has the time that all threads have.
  }
}
