import { added } from '../base/added.ts';
import { ownCopy } from '../base/text.ts';
import { HeaderId, type SipResponse } from '../sip/message/index.ts';
import { describeDestination } from './destination.ts';
import type { BranchPlan, OutcomeCause, StageOutcome } from './plan.ts';
import type { AttemptRecord, LiveRecord } from './record.ts';
import type { TargetInvite } from './target-invite.ts';

/** How far a branch is. */
export type BranchState =
  | 'idle'
  | 'resolving'
  | 'describing'
  | 'signing'
  | 'calling'
  | 'repairing'
  | 'cancelling'
  | 'answered'
  | 'over';

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
  return {
    status,
    reason,
    cause,
    label,
    earlyMedia,
    ...(response !== undefined && { response }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    ...(trunkId !== undefined && { trunkId }),
  };
}

type Tried = Pick<AttemptRecord, 'status' | 'reason' | 'cause' | 'startedAtMs' | 'elapsedMs' | 'retryAfterSeconds'>;

/** Puts one target into the call's record, and tells the plan; `invite` is undefined when nothing was sent. */
export function noteAttempt(
  record: LiveRecord,
  plan: BranchPlan,
  invite: TargetInvite | undefined,
  tried: Tried,
): void {
  const attempt: AttemptRecord = {
    label: plan.label,
    target: invite === undefined ? '' : describeDestination(invite.to),
    status: tried.status,
    reason: ownCopy(tried.reason),
    cause: tried.cause,
    startedAtMs: tried.startedAtMs,
    elapsedMs: tried.elapsedMs,
    callId: invite?.callId ?? '',
    trunkId: plan.trunkId,
    extension: plan.extension,
    node: plan.node,
    retryAfterSeconds: tried.retryAfterSeconds,
  };
  // It has the room it needs; a list that grows, or is spread, has room for seventeen, in each call.
  record.attempts = added(record.attempts, attempt);
  plan.onAttempt?.(attempt);
}

/** Retry-After in seconds (RFC 3261 §20.33); comments and parameters are skipped. */
export function retryAfterOf(response: SipResponse): number | undefined {
  const text = response.headers.value(HeaderId.RetryAfter);
  if (text === undefined) return undefined;
  const seconds = Number.parseInt(text, 10);
  return seconds >= 0 ? seconds : undefined;
}
