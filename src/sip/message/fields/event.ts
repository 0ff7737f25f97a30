import { decimalAt } from '../characters.ts';
import type { Params } from '../params.ts';
import { formatTokenParams, malformed, parseTokenParams } from './token-params.ts';

/** Event (RFC 6665 §8.2.1). */
export interface Event {
  /** Package with its templates, e.g. `presence.winfo`; compared octet for octet (§4.1.2.1 of RFC 6665: case-sensitive). */
  readonly package: string;
  readonly id?: string | undefined;
  readonly params: Params;
}

export function parseEvent(text: string): Event {
  const { token, params } = parseTokenParams(text, 'Event');
  return { package: token, id: params.get('id'), params };
}

export const formatEvent = (value: Event): string => formatTokenParams({ token: value.package, params: value.params });

/** Subscription-State (RFC 6665 §8.2.3). */
export interface SubscriptionState {
  /** Lower case: `active`, `pending`, `terminated` or another, which counts as active. */
  readonly state: string;
  readonly expiresSeconds?: number | undefined;
  readonly reason?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly params: Params;
}

export function parseSubscriptionState(text: string): SubscriptionState {
  const { token, params } = parseTokenParams(text, 'Subscription-State');
  return {
    state: token.toLowerCase(),
    expiresSeconds: secondsOf(params, 'expires', text),
    reason: params.get('reason')?.toLowerCase(),
    retryAfterSeconds: secondsOf(params, 'retry-after', text),
    params,
  };
}

function secondsOf(params: Params, name: string, text: string): number | undefined {
  const value = params.get(name);
  if (value === undefined) return undefined;
  const seconds = decimalAt(value, 0, value.length);
  if (seconds < 0 || seconds >= 2 ** 32) throw malformed('Subscription-State', text);
  return seconds;
}

export const formatSubscriptionState = (value: SubscriptionState): string =>
  formatTokenParams({ token: value.state, params: value.params });
