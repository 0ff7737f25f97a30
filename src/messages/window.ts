/** Whether a user may be written to freely: for a day after each word of theirs. */
import type { WhatsappNumber } from './numbers.ts';

export const WINDOW_MS = 86_400_000;
export const WINDOW_TEXT = '24h window closed: only templates may be sent until the user writes again';

/**
 * `unknown`: WhatsApp decides, since it knows who wrote before this engine was there, and whose calls have opened the window.
 *
 * @param heardMs when the user wrote last, wall clock; undefined: nothing is known.
 */
export function windowOf(
  { settings }: Pick<WhatsappNumber, 'settings'>,
  heardMs: number | undefined,
  nowMs: number,
): 'open' | 'closed' | 'unknown' {
  if (heardMs !== undefined && nowMs - heardMs < WINDOW_MS) return 'open';
  return heardMs === undefined || settings.calls !== undefined ? 'unknown' : 'closed';
}
