import { HeaderId, type SipResponse } from '../sip/message/index.ts';
import type { BranchPlan, OutcomeCause, StageOutcome } from './plan.ts';

/** How a branch ends whose callee has answered with a Contact that leads nowhere. */
export const UNUSABLE_CONTACT = { status: 502, reason: 'Unusable Contact' };

/** How a branch failed, in the words that plans are asked with. */
export function branchOutcome(
  plan: BranchPlan,
  status: number,
  reason: string,
  cause: OutcomeCause,
  response: SipResponse | undefined,
  earlyMedia: boolean,
): StageOutcome {
  const { label, trunkId } = plan;
  const retryAfterSeconds = response === undefined ? undefined : retryAfterOf(response);
  return { status, reason, cause, label, earlyMedia, response, retryAfterSeconds, trunkId };
}

/** Retry-After in seconds (RFC 3261 §20.33); comments and parameters are skipped. */
export function retryAfterOf(response: SipResponse): number | undefined {
  const text = response.headers.value(HeaderId.RetryAfter);
  if (text === undefined) return undefined;
  const seconds = Number.parseInt(text, 10);
  return seconds >= 0 ? seconds : undefined;
}
