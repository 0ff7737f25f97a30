import { readlinkSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';
import { basename } from 'node:path';

/**
 * Has this thread give way to all others of the machine, that of the calls among them: for a thread that reads what nobody waits for by the
 * millisecond. Where processors are short it gets about a tenth of one. It is for good, since a higher priority takes a privilege. Linux
 * gives each thread a priority of its own; where a thread has no number of its own, or the lowest priority already, nothing changes.
 */
export function giveWay(): void {
  try {
    const { PRIORITY_BELOW_NORMAL: step, PRIORITY_LOW: lowest } = constants.priority;
    const thread = Number(basename(readlinkSync('/proc/thread-self')));
    setPriority(thread, Math.min(Math.max(getPriority(thread), 0) + step, lowest));
  } catch {
    // It has the time that all threads have.
  }
}
