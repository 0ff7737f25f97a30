import { cancelTimer, type Timer, type TimerTarget } from '../base/scheduler.ts';
import type { SipRequest, SipResponse } from '../sip/message/index.ts';
import { Branch, type BranchUser } from './branch.ts';
import type { Leg, LegCall } from './leg.ts';
import type { MediaEnd } from './media.ts';
import {
  type BranchPlan,
  type CallPlan,
  isRejection,
  type Redirection,
  type Rejection,
  type Stage,
  type StageOutcome,
} from './plan.ts';
import type { CallEnvironment, ClientTransactionUser } from './ports.ts';
import type { BegunLeg } from './record.ts';
import { isBetterStatus } from './response-mapping.ts';
import type { InvitingUser } from './target-invite.ts';
import type { WaitingCancel } from './waiting.ts';

/** For whom a plan is played: the caller of a call, or a party that is being transferred. */
export interface AttemptUser extends InvitingUser {
  /** The user, as its media is thought of. */
  readonly mediaEnd: MediaEnd;
  /** Somebody whom that process has asked rings. */
  onRings?(): void;
  /** A provisional response above 100. `rack` is set when it wants the user's PRACK. */
  onProgress(leg: Leg, response: SipResponse, rack: string | undefined): void;
  /** The first 2xx. The user acknowledges it: `leg.ack.give(invite)`, at once or with the answer to its offer. */
  onAnswered(branch: Branch, leg: Leg, response: SipResponse, invite: SipRequest): void;
  /** The plan has ended without an answer. `outcome` is the last stage's; undefined when there was none. */
  onFailed(rejection: Rejection, outcome: StageOutcome | undefined): void;
}

const NO_BRANCHES: readonly Branch[] = [];
const NOBODY: readonly Attempt[] = [];
/** RFC 3326: what the others are told when one has answered. */
const ANSWERED_ELSEWHERE = ['SIP;cause=200;text="Call completed elsewhere"'];
const NO_ANSWER = ['SIP;cause=480;text="No Answer"'];
/** A plan that runs through so many stages without calling anybody is broken. */
const MAX_STAGES = 200;
/** RFC 3261 §8.1.3.4: redirects do not go on for ever. */
const MAX_REDIRECTS = 5;
/** Nor does a call: phones that each send it on to several others, which do the same, make many of a few. Far more than any group rings. */
const MOST_TRIED = 2_000;

/**
 * Plays the stages of a plan until one is answered: rings the branches of a stage side by side, takes the first 2xx and cancels the
 * rest, or picks the best refusal (RFC 3261 §16.7 step 6) and asks the plan what comes next.
 */
export class Attempt implements BranchUser, TimerTarget {
  readonly env: CallEnvironment;
  readonly call: LegCall;
  readonly maxForwards: number;
  /** Undefined once nothing more will be asked of it. */
  #plan: Pick<CallPlan, 'next'> | undefined;
  readonly user: AttemptUser;
  #branches: readonly Branch[] = NO_BRANCHES;
  /** Where branches of this stage were redirected to. */
  #followed: readonly Attempt[] = NOBODY;
  #openCount = 0;
  /** Of those, how many are redirections. */
  #openFollowed = 0;
  #starting = false;
  #done = false;
  #best: StageOutcome | undefined = undefined;
  #earlyMedia = false;
  #redirects = 0;
  #stages = 0;
  #ringTimer: Timer | undefined = undefined;

  constructor(call: LegCall, plan: Pick<CallPlan, 'next'>, user: AttemptUser, maxForwards: number) {
    this.env = call.env;
    this.call = call;
    this.#plan = plan;
    this.user = user;
    this.maxForwards = maxForwards;
  }

  start(): void {
    this.#advance(undefined);
  }

  /** Gives everything up; the user hears no more. */
  cancel(reasons: readonly string[]): void {
    if (this.#done) return;
    this.#done = true;
    this.#cancelBranches(undefined, reasons);
  }

  /** Legs that have been sent an INVITE and are not over, for whoever looks at the call now. */
  underWay(): BegunLeg[] {
    const own = this.#branches.flatMap((branch) => branch.underWay() ?? []);
    return [...own, ...this.#followed.flatMap((followed) => followed.underWay())];
  }

  /** What would cancel them all. */
  cancellations(): WaitingCancel[] {
    const own = this.#branches.flatMap((branch) => branch.cancellation() ?? []);
    return [...own, ...this.#followed.flatMap((followed) => followed.cancellations())];
  }

  /** Each gives the place of a branch back; with true its end is not waited for any longer. */
  takePlaces(): ((isEnd: boolean) => void)[] {
    const own = this.#branches.map((branch) => branch.takePlace());
    return [...own, ...this.#followed.flatMap((followed) => followed.takePlaces())];
  }

  onTimer(_kind: number): void {
    this.#ringTimer = undefined;
    if (this.#done) return;
    this.#cancelBranches(undefined, NO_ANSWER);
    const { label, trunkId } = this.#best ?? {};
    const earlyMedia = this.#earlyMedia;
    this.#advance({ status: 480, reason: 'No Answer', cause: 'ring-timeout', earlyMedia, label, trunkId });
  }

  onFault(error: unknown): void {
    this.call.onFault(error);
  }

  onBranchRings(): void {
    if (!this.#done) this.user.onRings?.();
  }

  onBranchProvisional(leg: Leg, response: SipResponse, rack: string | undefined): void {
    if (!this.#done) this.user.onProgress(leg, response, rack);
  }

  onBranchAnswered(branch: Branch, leg: Leg, response: SipResponse, invite: SipRequest): void {
    this.#done = true;
    this.#plan = undefined;
    this.#cancelBranches(branch, ANSWERED_ELSEWHERE);
    this.user.onAnswered(branch, leg, response, invite);
  }

  onBranchFailed(branch: Branch, outcome: StageOutcome): void {
    if (this.#done || !this.#branches.includes(branch)) return;
    this.#failed(outcome, outcome.status >= 600 ? branch.plan : undefined);
  }

  /** `declined`: by whom the search is ended. */
  #failed(outcome: StageOutcome, declined: BranchPlan | undefined): void {
    if (this.#best === undefined || isBetterStatus(outcome.status, this.#best.status)) this.#best = outcome;
    this.#earlyMedia ||= outcome.earlyMedia;
    this.#openCount--;
    if (declined !== undefined) this.#endFor(declined);
    this.#stageOverWhenEmpty();
  }

  /** RFC 3261 §16.7 step 5: a 6xx ends the search for who was called, wherever it rings there. The other members of a group are others. */
  #endFor({ extension }: BranchPlan): void {
    const isOf = ({ plan }: Branch): boolean => plan.extension === extension;
    if (this.#branches.every(isOf)) this.#cancelBranches(undefined, []);
    for (const branch of this.#branches) {
      if (branch.state === 'over' || !isOf(branch)) continue;
      branch.cancel([]);
      this.#branches = this.#branches.filter((each) => each !== branch);
      this.#openCount--;
    }
  }

  onBranchRedirected(target: readonly BranchPlan[] | Redirection): void {
    if (this.#done) return;
    this.#redirects++;
    if ('next' in target && this.#redirects <= MAX_REDIRECTS) {
      this.#follow(target);
      return;
    }
    this.#openCount--;
    const follow = 'next' in target || this.#redirects > MAX_REDIRECTS ? [] : target;
    const branches = follow.map((plan) => new Branch(this, plan));
    this.#openCount += branches.length;
    this.#branches = this.#branches.concat(branches);
    for (const branch of branches) if (!this.#done) branch.start();
    this.#stageOverWhenEmpty();
  }

  /** RFC 3261 §16.5: what a branch was redirected to is tried beside the branches that still ring. */
  #follow(redirection: Redirection): void {
    const { relaysReliable, methods, mediaEnd } = this.user;
    const followed = new Attempt(
      this.call,
      redirection,
      {
        ...{ relaysReliable, methods, mediaEnd },
        onProgress: (leg, response, rack) => this.onBranchProvisional(leg, response, rack),
        onAnswered: (branch, leg, response, invite) => this.onBranchAnswered(branch, leg, response, invite),
        onFailed: (rejection, outcome) => this.#followedFailed(rejection, outcome),
      },
      this.maxForwards,
    );
    this.#followed = this.#followed.concat(followed);
    this.#openFollowed++;
    // How long the called phones may ring says nothing of those that they send their calls to.
    if (this.#openFollowed === this.#openCount) this.#ringTimer = cancelTimer(this.#ringTimer);
    followed.start();
  }

  #followedFailed({ status, reason = '' }: Rejection, outcome: StageOutcome | undefined): void {
    if (this.#done) return;
    this.#openFollowed--;
    const { earlyMedia = false } = outcome ?? {};
    const as = outcome?.status === status ? outcome : { cause: 'response' as const, earlyMedia };
    this.#failed({ ...as, status, reason, redirected: true }, undefined);
  }

  #stageOverWhenEmpty(): void {
    if (this.#openCount > 0 || this.#starting || this.#done) return;
    this.#advance(this.#stageOutcome());
  }

  /** Asks the plan and starts what it says, until something rings or the plan ends. */
  #advance(first: StageOutcome | undefined): void {
    for (let outcome = first; ; outcome = this.#stageOutcome()) {
      this.#ringTimer = cancelTimer(this.#ringTimer);
      if (this.#done) return;
      const step = this.#nextStep(outcome);
      if (isRejection(step)) {
        this.#done = true;
        this.user.onFailed(step, outcome);
        return;
      }
      this.#startStage(step);
      if (this.#done || this.#openCount > 0) return;
    }
  }

  #nextStep(outcome: StageOutcome | undefined): Stage | Rejection {
    // Behaviour 14: early media of a trunk that does not allow it is not followed by another try.
    if (outcome?.earlyMedia === true) return { status: outcome.status, reason: outcome.reason };
    if (++this.#stages > MAX_STAGES) return { status: 500 };
    if (this.call.record.attempts.length > MOST_TRIED) return { status: 482 };
    return this.#plan?.next(outcome) ?? { status: 500 };
  }

  #startStage(stage: Stage): void {
    const { maxBranches } = this.env.limits;
    const plans = stage.branches.length > maxBranches ? stage.branches.slice(0, maxBranches) : stage.branches;
    this.#best = undefined;
    this.#earlyMedia = false;
    const branches: Branch[] = new Array(plans.length);
    for (let index = 0; index < plans.length; index++) branches[index] = new Branch(this, plans[index] as BranchPlan);
    this.#branches = branches;
    this.#followed = NOBODY;
    this.#openCount = plans.length;
    this.#openFollowed = 0;
    this.#redirects = 0;
    this.#starting = true;
    for (const branch of this.#branches) if (branch.state === 'idle' && !this.#done) branch.start();
    this.#starting = false;
    if (this.#openCount > 0 && !this.#done && stage.ringMs !== undefined) {
      this.#ringTimer = this.env.scheduler.schedule(stage.ringMs, this, 0);
    }
  }

  #stageOutcome(): StageOutcome {
    const best = this.#best ?? { status: 480, reason: 'Temporarily Unavailable', cause: 'response', earlyMedia: false };
    return best.earlyMedia === this.#earlyMedia ? best : { ...best, earlyMedia: this.#earlyMedia };
  }

  #cancelBranches(except: Branch | undefined, reasons: readonly string[]): void {
    this.#ringTimer = cancelTimer(this.#ringTimer);
    for (const branch of this.#branches) if (branch !== except) branch.cancel(reasons);
    for (const followed of this.#followed) followed.cancel(reasons);
    this.#branches = NO_BRANCHES;
    this.#followed = NOBODY;
    this.#openCount = 0;
    this.#openFollowed = 0;
  }
}

/** The plan of the branch that has sent a request; undefined when it was not the INVITE of one. */
export function planOfUser(user: ClientTransactionUser): BranchPlan | undefined {
  return user instanceof Branch ? user.plan : undefined;
}
