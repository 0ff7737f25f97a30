import type { Leg } from './leg.ts';
import type { ServerTransaction } from './ports.ts';

/**
 * Max-Forwards of what a request within the call becomes at the other party: RFC 3261 §16.3 step 3, kept up across the two dialogs so
 * that a loop through B2BUAs ends. Undefined: none is left, and it was refused.
 */
export function hopsOf(transaction: ServerTransaction, from: Leg): number | undefined {
  const hops = transaction.request.hopsAfter();
  if (hops >= 0) return hops;
  from.reply(transaction, 483);
  return undefined;
}
