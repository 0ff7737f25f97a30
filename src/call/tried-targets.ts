import { added } from '../base/added.ts';
import { keptReason } from '../base/text.ts';
import { describeDestination } from '../sip/endpoint/index.ts';
import { HeaderId, type SipResponse } from '../sip/message/index.ts';
import { retryAfterOf } from './branch-outcome.ts';
import type { LegCall } from './leg.ts';
import type { BranchPlan } from './plan.ts';
import type { CallEnvironment } from './ports.ts';
import type { AttemptRecord } from './record.ts';
import type { TargetInvite } from './target-invite.ts';

/** Whose targets they are; `BranchUser` is it. */
interface Trying {
  readonly env: CallEnvironment;
  readonly call: LegCall;
}

/** Puts what became of each target of a branch into the call's record, and tells the plan. */
export class TriedTargets {
  readonly #trying: Trying;
  readonly #plan: BranchPlan;
  /** Undefined before anything was sent. */
  #invite: TargetInvite | undefined = undefined;
  #startedAtMs = 0;
  #startedWallMs = 0;

  constructor(trying: Trying, plan: BranchPlan) {
    this.#trying = trying;
    this.#plan = plan;
  }

  begin(invite?: TargetInvite): void {
    const { scheduler } = this.#trying.env;
    this.#invite = invite;
    this.#startedAtMs = scheduler.nowMs();
    this.#startedWallMs = scheduler.wallMs();
  }

  /** The target that was begun last has had its end. @param refusal its response, where that is for good */
  ended(status: number, reason: string, cause: AttemptRecord['cause'], refusal?: SipResponse): void {
    const { env, call } = this.#trying;
    const plan = this.#plan;
    const invite = this.#invite;
    const attempt: AttemptRecord = {
      label: plan.label,
      target: invite === undefined ? '' : describeDestination(invite.to),
      status,
      reason: keptReason(reason),
      cause,
      startedAtMs: this.#startedWallMs,
      elapsedMs: env.scheduler.nowMs() - this.#startedAtMs,
      callId: invite?.callId ?? '',
      trunkId: plan.trunkId,
      extension: plan.extension,
      node: plan.node,
      retryAfterSeconds: refusal && retryAfterOf(refusal),
    };
    const { record } = call;
    // It has the room it needs; a list that grows, or is spread, has room for seventeen, in each call.
    record.attempts = added(record.attempts, attempt);
    const reasonHeaders = refusal?.headers.listValues(HeaderId.Reason) ?? [];
    plan.onAttempt?.(reasonHeaders.length === 0 ? attempt : { ...attempt, reasonHeaders });
  }

  /** It is a leg of the call still, until its final response makes an attempt of it. */
  cancelled(): void {
    const { record } = this.#trying.call;
    record.cancelled = added(record.cancelled, { label: this.#plan.label, callId: this.#invite?.callId ?? '' });
  }
}
