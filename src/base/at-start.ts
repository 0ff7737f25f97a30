import { setTimeout as pause } from 'node:timers/promises';

/** How long a start waits for a store that does not answer. */
export const START_TIMEOUT_MS = 3000;
const AGAIN_MS = 100;

/**
 * What a store answers at a start: asked again, for as long as one waits, while it rejects with what may pass, since an answer may come
 * late once while a machine is busy, and a link may be on its way back. Rejects with the last.
 *
 * @param ask may be called again whether it was heard or not
 */
export async function askedAtStart<T>(
  ask: () => Promise<T>,
  mayPass: (error: unknown) => boolean,
  timeoutMs = START_TIMEOUT_MS,
): Promise<T> {
  const giveUpAtMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!mayPass(error) || performance.now() >= giveUpAtMs) throw error;
      await pause(AGAIN_MS);
    }
  }
}
