import { type BranchPlan, likeBranch, type Rejection, type Stage, type StageOutcome } from '../../call/index.ts';
import {
  CALLEE_REFUSED,
  draftForRoute,
  MAX_REDIRECTIONS,
  type OutboundPlan,
  planOutbound,
  type RouteDraft,
} from '../../outbound/index.ts';
import { HeaderId, type SipResponse } from '../../sip/message/index.ts';
import type { EngineObserver } from '../engine-options.ts';
import type { Branches } from './branches.ts';
import type { CallGrants } from './call-grants.ts';
import { redirectedNumbers } from './redirection.ts';
import { isUnsent } from './registered-node.ts';
import type { PlanStep } from './step-plan.ts';

/** What places calls over trunks, and who hears of it. */
export interface OutboundServices {
  readonly branches: Pick<Branches, 'toTrunk'>;
  readonly observer: Pick<EngineObserver, 'onRoute' | 'onOutboundRefused'>;
  /** Are asked for each call to the outside. */
  readonly grants: Pick<CallGrants, 'admit'>;
}

const NONE: readonly string[] = [];
/** What a caller is told to wait before the next try when no trunk took the call, seconds. */
const RETRY_AFTER_SECONDS = 5;

/** Tries the routes of an outbound rule, one after another; each INVITE is drafted when its turn comes. */
export class OutboundStep implements PlanStep {
  readonly #plan: OutboundPlan;
  readonly #services: OutboundServices;
  warnings: readonly string[] = NONE;
  #position = 0;
  #current: RouteDraft | undefined;
  #refused: Rejection | undefined;
  /** Nothing but the caller's own offer has kept a trunk from taking the call, which none will take later either. */
  #isUnfit: boolean;

  constructor(plan: OutboundPlan, services: OutboundServices) {
    this.#plan = plan;
    this.#services = services;
    this.#isUnfit = !plan.skipped.some(({ code }) => code === 'full' || code === 'down');
  }

  next(outcome: StageOutcome | undefined): Stage | Rejection {
    const { refusal } = this.#plan;
    if (refusal !== undefined) return rejectionOf(refusal);
    if (outcome !== undefined) {
      const { cause, status, reason } = outcome;
      this.#isUnfit &&= cause === 'capacity' && status === 488;
      this.#refused = this.#isUnfit ? { status, reason } : answerFor(outcome);
      if (!this.#mayFailOver(outcome)) return this.#refused;
    }
    while (this.#position < this.#plan.routes.length) {
      const route = draftForRoute(this.#plan, this.#position++);
      this.#services.observer.onRoute(route, this.#plan);
      if (route.warnings.length > 0) this.warnings = this.warnings.concat(route.warnings);
      if (route.kind === 'refused') {
        this.#refused ??= rejectionOf(route);
        continue;
      }
      this.#current = route;
      return { branches: [this.#branch(route, this.#plan, 0)] };
    }
    return this.#refused ?? noTrunk();
  }

  #branch(route: RouteDraft, plan: OutboundPlan, redirections: number): BranchPlan {
    const branch = this.#services.branches.toTrunk(route, plan);
    if (route.trunk.options.redirects !== 'follow' || redirections === MAX_REDIRECTIONS) return branch;
    return likeBranch(branch, { onRedirect: (response) => this.#follow(response, plan, redirections + 1) });
  }

  /**
   * A 3xx whose trunk may redirect: the first Contact, best first, that the tenant's own rules lead anywhere (RFC 3261 §8.1.3.4). It is
   * dialled as the caller would have dialled it, an E.164 number without access code, so bars, pools and caller IDs hold as for any other call,
   * and limits for one that no emergency number is called by any more: those were not asked of it before.
   */
  #follow(response: SipResponse, plan: OutboundPlan, redirections: number): readonly BranchPlan[] | undefined {
    for (const dialled of redirectedNumbers(response)) {
      const redirected = planOutbound({ ...plan.facts, dialled, redirected: true });
      if (redirected.refusal !== undefined || redirected.routes.length === 0) continue;
      if (plan.emergency && !redirected.emergency && !this.#services.grants.admit(redirected).granted) continue;
      const route = draftForRoute(redirected, 0);
      this.#services.observer.onRoute(route, redirected);
      if (route.kind === 'draft') return [this.#branch(route, redirected, redirections)];
    }
    return undefined;
  }

  /** Timeouts, unreachable targets and full trunks always lead on; an answer only when the trunk's list has its code. */
  #mayFailOver(outcome: StageOutcome): boolean {
    if (outcome.earlyMedia) return false;
    if (outcome.cause === 'ring-timeout') return false;
    // In need only the called side's own word ends the search: a trunk may not know the number, or not let us.
    if (this.#plan.emergency) return !CALLEE_REFUSED.has(outcome.status);
    if (outcome.cause !== 'response' || isUnsent(outcome)) return true;
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

/** What the caller gets when this was the last outcome: the carrier's own answer, or 503 when no trunk gave an answer. */
function answerFor(outcome: StageOutcome): Rejection {
  if ((outcome.cause === 'response' && !isUnsent(outcome)) || outcome.cause === 'ring-timeout')
    return { status: outcome.status, reason: outcome.reason };
  return noTrunk();
}

function noTrunk(): Rejection {
  return { status: 503, reason: 'Service Unavailable', headers: [[HeaderId.RetryAfter, String(RETRY_AFTER_SECONDS)]] };
}
