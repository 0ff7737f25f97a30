/** Promises that failed and that nobody waited for: a defect of ours or of a library, and by itself the end of the process with all its calls. */
import type { Log } from '../base/log.ts';

/** Writes them to the log and counts them instead, until it is called back. */
export function hearRejections(log: Log, count: () => void): () => void {
  const onRejection = (reason: unknown) => {
    count();
    log.error('unhandled-rejection', { stack: reason instanceof Error ? reason.stack : String(reason) });
  };
  process.on('unhandledRejection', onRejection);
  return () => void process.off('unhandledRejection', onRejection);
}
