import type { BranchPlan, Rejection, Stage, StageOutcome } from '../call/index.ts';
import { draftForRoute, type OutboundPlan, type RouteDraft, type RouteRefusal } from '../outbound/index.ts';
import { HeaderId } from '../sip/message/index.ts';
import type { PlanStep } from './step-plan.ts';

export interface OutboundServices {
  /** The branch that places a drafted INVITE over its trunk. */
  trunkBranch(draft: RouteDraft, plan: OutboundPlan): BranchPlan;
  /** A route was drafted or refused; its events are for the operator. */
  onRoute(route: RouteDraft | RouteRefusal, plan: OutboundPlan): void;
}

/** What a caller is told to wait before the next try when no trunk took the call, seconds. */
const RETRY_AFTER_SECONDS = 5;

/** Tries the routes of an outbound rule, one after another; each INVITE is drafted when its turn comes. */
export class OutboundStep implements PlanStep {
  readonly #plan: OutboundPlan;
  readonly #services: OutboundServices;
  readonly warnings: string[] = [];
  #position = 0;
  #current: RouteDraft | undefined;
  #refused: Rejection | undefined;

  constructor(plan: OutboundPlan, services: OutboundServices) {
    this.#plan = plan;
    this.#services = services;
  }

  next(outcome: StageOutcome | undefined): Stage | Rejection {
    const { refusal } = this.#plan;
    if (refusal !== undefined) return rejectionOf(refusal);
    if (outcome !== undefined) {
      this.#refused = answerFor(outcome);
      if (!this.#mayFailOver(outcome)) return this.#refused;
    }
    while (this.#position < this.#plan.routes.length) {
      const route = draftForRoute(this.#plan, this.#position++);
      this.#services.onRoute(route, this.#plan);
      this.warnings.push(...route.warnings);
      if (route.kind === 'refused') {
        this.#refused ??= rejectionOf(route);
        continue;
      }
      this.#current = route;
      return { branches: [this.#services.trunkBranch(route, this.#plan)] };
    }
    return this.#refused ?? noTrunk();
  }

  /** Timeouts, unreachable targets and full trunks always lead on; an answer only when the trunk's list has its code. */
  #mayFailOver(outcome: StageOutcome): boolean {
    if (outcome.earlyMedia) return false;
    if (outcome.cause === 'ring-timeout') return false;
    if (outcome.cause !== 'response') return true;
    return this.#current?.trunk.options.failoverCodes.includes(outcome.status) === true;
  }
}

function rejectionOf(refusal: {
  readonly status: number;
  readonly reason: string;
  readonly retryAfterSeconds?: number;
}): Rejection {
  const { status, reason, retryAfterSeconds } = refusal;
  return retryAfterSeconds === undefined
    ? { status, reason }
    : { status, reason, headers: [[HeaderId.RetryAfter, String(retryAfterSeconds)]] };
}

/** What the caller gets when this was the last outcome: the carrier's own answer, or 503 when no trunk gave one. */
function answerFor(outcome: StageOutcome): Rejection {
  if (outcome.cause === 'response' || outcome.cause === 'ring-timeout')
    return { status: outcome.status, reason: outcome.reason };
  return noTrunk();
}

function noTrunk(): Rejection {
  return { status: 503, reason: 'Service Unavailable', headers: [[HeaderId.RetryAfter, String(RETRY_AFTER_SECONDS)]] };
}
