import { stackOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';

/**
 * Closes what was opened, the last one first. One that fails, as a store that does not answer, keeps no other from closing: call records
 * would stay unwritten. Resolves when all were tried.
 */
export async function closeAll(closers: (() => unknown)[], log: Log): Promise<void> {
  for (const close of closers.reverse()) {
    try {
      await close();
    } catch (error) {
      log.error('close-failed', { error: stackOf(error) });
    }
  }
}
