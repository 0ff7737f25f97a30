/**
 * What an attempt or a ping tells about a trunk's target. Any answer proves life; silence speaks against it; 503 with Retry-After asks
 * to be left alone; and a refusal for want of channels or for the call rate means "not so many", never "down".
 */

import { isOwnShortage } from '../sip/transport/index.ts';

/** How an attempt ended; call records fit it. */
export interface TrunkAttempt {
  /** `transport:address:port`. */
  readonly target: string;
  /** Final status; 0 when there was none. */
  readonly status: number;
  /** Reason phrase of the answer. */
  readonly reason: string;
  readonly cause: string;
  readonly retryAfterSeconds?: number | undefined;
  /** Values of Reason (RFC 3326 §2), when there are any. */
  readonly reasonHeaders?: readonly string[];
  /** Whose call it was, where that is known. */
  readonly tenant?: string | undefined;
}

export type Evidence =
  | { readonly kind: 'alive' }
  | { readonly kind: 'silent'; readonly reason: string }
  | { readonly kind: 'hold'; readonly holdMs: number }
  | { readonly kind: 'rate'; readonly holdMs: number }
  /** Nothing was sent, or nothing was waited for. */
  | { readonly kind: 'none' };

/** A longer Retry-After is not believed: a carrier's mistake must not switch a trunk off for days. */
export const MAX_HOLD_MS = 300_000;
const RATE_HOLD_MS = 1_000;
const MAX_RATE_HOLD_MS = 10_000;

interface RateRule {
  readonly statuses: ReadonlySet<number>;
  /** Lower case; all words of one entry must occur in the reason phrase. */
  readonly phrases: readonly (readonly string[])[];
}

/** For every carrier. The statuses are those that carriers use for it; without one of the phrases each has its usual meaning. */
const COMMON: RateRule = {
  statuses: new Set([403, 429, 480, 486, 500, 503, 600, 603]),
  phrases: [
    ['cps'],
    ['calls', 'per', 'second'],
    ['call', 'rate'],
    ['rate', 'limit'],
    ['rate', 'exceeded'],
    ['too many', 'calls'],
    ['too many', 'requests'],
    ['channel', 'limit'],
    ['channels', 'exceeded'],
    ['no', 'channel', 'available'],
    ['no', 'channels'],
    ['channels', 'in use'],
    ['concurrent', 'call'],
    ['simultaneous', 'call'],
    ['call', 'limit'],
    ['session', 'limit'],
    ['capacity'],
    ['congestion'],
    ['no', 'circuit'],
    ['trunk', 'busy'],
    ['lines', 'busy'],
  ],
};

/** 429 is no SIP failure of a call in RFC 3261's sense but an HTTP habit; it says nothing but "too many". */
const ALWAYS_RATE = new Set([429]);
/** Q.850: no circuit available, switching equipment congestion, requested circuit not available, resources unavailable. */
const RATE_CAUSES = new Set([34, 42, 44, 47]);
/** Not 486, 600 and 603: a person's answer, whatever cause is told beside it. */
const RATE_CAUSE_STATUSES = new Set([480, 500, 503]);

/**
 * Carriers whose reason phrases end in a code of their own: the code decides, whatever the words. Telnyx: D1, D2, D3 and D22 are limits
 * of concurrent calls, P05 of calls per second; D24 speaks of a rate too, but means the price.
 */
const CODES_OF_BRAND: Readonly<Record<string, ReadonlySet<string>>> = {
  telnyx: new Set(['D1', 'D2', 'D3', 'D22', 'P05']),
};

export function judge(attempt: TrunkAttempt, brand: string): Evidence {
  const { cause, status, retryAfterSeconds } = attempt;
  if (cause === 'transport-error' && isOwnShortage(attempt.reason)) return { kind: 'none' };
  if (cause === 'timeout' || cause === 'transport-error') return { kind: 'silent', reason: attempt.reason };
  if (cause !== 'response' && cause !== 'answered') return { kind: 'none' };
  const wishedMs = retryAfterSeconds === undefined ? undefined : retryAfterSeconds * 1000;
  if (isRateRefusal(attempt, brand))
    return { kind: 'rate', holdMs: Math.min(wishedMs ?? RATE_HOLD_MS, MAX_RATE_HOLD_MS) };
  // RFC 3261 §21.5.4: no more requests to that server for the time it names.
  if (status === 503 && wishedMs !== undefined && wishedMs > 0)
    return { kind: 'hold', holdMs: Math.min(wishedMs, MAX_HOLD_MS) };
  return { kind: 'alive' };
}

/** Whether a carrier refused the call because of its rate or because all channels are taken. */
export function isRateRefusal(attempt: TrunkAttempt, brand: string): boolean {
  const { status } = attempt;
  if (ALWAYS_RATE.has(status)) return true;
  if (RATE_CAUSE_STATUSES.has(status) && attempt.reasonHeaders?.some(isRateCause) === true) return true;
  if (!COMMON.statuses.has(status)) return false;
  const codes = CODES_OF_BRAND[brand];
  const code = codes === undefined ? undefined : codeAtEnd(attempt.reason);
  if (codes !== undefined && code !== undefined) return codes.has(code);
  const text = attempt.reason.toLowerCase();
  return COMMON.phrases.some((words) => words.every((word) => hasWord(text, word)));
}

/** A capital letter and digits after the last space. */
function codeAtEnd(reason: string): string | undefined {
  const last = reason.slice(reason.lastIndexOf(' ') + 1);
  return /^[A-Z][0-9]{1,3}$/.test(last) ? last : undefined;
}

/** A word at its beginning: "channel" finds "channels", "call" does not find "recall". */
function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const before = at === 0 ? 0x20 : text.charCodeAt(at - 1);
    const isLetter = before >= 0x61 && before <= 0x7a;
    if (!isLetter) return true;
  }
  return false;
}

function isRateCause(value: string): boolean {
  const text = value.toLowerCase().replaceAll(' ', '');
  if (!text.startsWith('q.850')) return false;
  const at = text.indexOf(';cause=');
  return at >= 0 && RATE_CAUSES.has(Number.parseInt(text.slice(at + 7), 10));
}
