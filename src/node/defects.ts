/**
 * The last boundary: what a timer, a socket, a relay, the DNS, the store, a thread or another process gave rise to and nobody caught, and
 * promises that failed and that nobody waited for. A defect of ours or of a library, and by itself the end of the process with all its calls.
 */
import { stackOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';

const MINUTE_MS = 60_000;
/**
 * Exceptions. One that is met again by each call of some kind stays below it on most nodes, and costs these calls alone. More say that what
 * everything goes by, the timers or the sockets, is broken; a new process, which has the calls and registrations back in a moment, is better
 * then. Promises leave nothing half done: however many fail, whoever makes them fail ends nobody's calls.
 */
const MOST_A_MINUTE = 100;

/** Writes them to the log and counts them, and the process goes on, until it is called back. With too many exceptions in a minute it ends. */
export function outlive(what: 'uncaughtException' | 'unhandledRejection', log: Log, count?: () => void): () => void {
  let sinceMs = performance.now();
  let met = 0;
  const onDefect = (error: unknown) => {
    count?.();
    const stack = stackOf(error);
    if (what === 'unhandledRejection') {
      log.error('unhandled-rejection', { stack });
      return;
    }
    log.error('uncaught-error', { stack });
    const nowMs = performance.now();
    if (nowMs - sinceMs >= MINUTE_MS) [sinceMs, met] = [nowMs, 0];
    met++;
    if (met <= MOST_A_MINUTE) return;
    process.stderr.write(`tandem ends: more than ${MOST_A_MINUTE} defects within a minute, the last one:\n${stack}\n`);
    process.exit(1);
  };
  process.on(what, onDefect);
  return () => void process.off(what, onDefect);
}
