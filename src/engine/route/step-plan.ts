import type { BranchPlan, CallFacts, CallPlan, LegOptions, Rejection, Stage, StageOutcome } from '../../call/index.ts';

/**
 * One part of where a call goes: an extension's phones, a ring group, the routes of an outbound rule. A step gives the stages to play
 * and, when it has no more, the rejection that the caller gets, or another step that takes over (forwarding, overflow).
 */
export interface PlanStep {
  next(outcome: StageOutcome | undefined): Stage | Rejection | PlanStep;
  /** Warning values that the caller is owed for what this step passed over so far. */
  readonly warnings?: readonly string[];
}

/** A call may be sent on this often before it counts as a loop (RFC 7339 speaks of the same danger on the wire). */
const MAX_STEPS = 10;

function isStep(value: Stage | Rejection | PlanStep): value is PlanStep {
  return 'next' in value;
}

/** Plays a step, and whichever takes over from it. */
export class StepChain {
  #step: PlanStep;
  #steps = 1;

  constructor(first: PlanStep) {
    this.#step = first;
  }

  /** `warn` gets the warnings of each step that was asked. */
  next(outcome: StageOutcome | undefined, warn?: (warning: string) => void): Stage | Rejection {
    let result = this.#ask(outcome, warn);
    while (isStep(result)) {
      if (++this.#steps > MAX_STEPS) return { status: 482, reason: 'Loop Detected' };
      this.#step = result;
      result = this.#ask(undefined, warn);
    }
    return result;
  }

  #ask(outcome: StageOutcome | undefined, warn?: (warning: string) => void): Stage | Rejection | PlanStep {
    const result = this.#step.next(outcome);
    if (warn !== undefined) for (const warning of this.#step.warnings ?? []) warn(warning);
    return result;
  }
}

/** See `CallPlan`. */
export interface PlanHooks {
  readonly onAnswered?: () => void;
  readonly onEnd?: () => void;
}

export interface StepPlanOptions {
  readonly first: PlanStep;
  readonly callerLeg: LegOptions;
  readonly facts: CallFacts;
  readonly ringTimeoutMs: number;
  readonly sessionLimitMs: number;
  /** See `CallPlan.emergency`. */
  readonly emergency?: boolean | undefined;
  /** See `CallPlan.passesRedirects`. */
  readonly passesRedirects?: boolean;
  /** What is found out before the first step is played: another first step and other facts. */
  readonly ready?: Promise<BegunPlan> | undefined;
  /** See `CallPlan.reasons`. */
  readonly reasons?: readonly string[] | undefined;
  readonly hooks?: PlanHooks | undefined;
}

/** How a plan begins. */
export type BegunPlan = Pick<StepPlanOptions, 'first' | 'facts' | 'reasons'>;

const NONE: readonly string[] = [];

/** Plays steps one after another. */
export class StepPlan implements CallPlan {
  readonly callerLeg: LegOptions;
  readonly ringTimeoutMs: number;
  readonly sessionLimitMs: number;
  readonly passesRedirects: boolean;
  readonly emergency: boolean;
  readonly ready: Promise<void> | undefined;
  facts: CallFacts;
  #reasons: readonly string[];
  readonly #hooks: PlanHooks | undefined;
  #chain: StepChain;
  /** Made with the first one. */
  #warnings: Set<string> | undefined = undefined;

  constructor(options: StepPlanOptions) {
    this.#chain = new StepChain(options.first);
    this.callerLeg = options.callerLeg;
    this.facts = options.facts;
    this.#reasons = options.reasons ?? NONE;
    this.ringTimeoutMs = options.ringTimeoutMs;
    this.sessionLimitMs = options.sessionLimitMs;
    this.passesRedirects = options.passesRedirects === true;
    this.emergency = options.emergency === true;
    this.#hooks = options.hooks;
    this.ready = options.ready?.then((begun) => this.#begin(begun));
  }

  #begin({ first, facts, reasons = [] }: BegunPlan): void {
    this.#chain = new StepChain(first);
    this.facts = facts;
    this.#reasons = reasons;
  }

  reasons(): readonly string[] {
    return this.#reasons;
  }

  next(outcome?: StageOutcome): Stage | Rejection {
    return this.#chain.next(outcome, (warning) => {
      this.#warnings ??= new Set();
      this.#warnings.add(warning);
    });
  }

  /** Each warning once, however many routes gave it. */
  warnings(): readonly string[] {
    return this.#warnings === undefined ? NONE : [...this.#warnings];
  }

  onAnswered(): void {
    this.#chain = ANSWERED;
    this.#hooks?.onAnswered?.();
  }

  onEnd(): void {
    this.#hooks?.onEnd?.();
  }
}

/** A step that refuses at once. */
export class RejectStep implements PlanStep {
  readonly #rejection: Rejection;

  constructor(status: number, reason?: string, headers?: Rejection['headers']) {
    this.#rejection = { status, ...(reason !== undefined && { reason }), ...(headers !== undefined && { headers }) };
  }

  next(): Rejection {
    return this.#rejection;
  }
}

/** A step of one branch, whose answer is the call's. */
export class OneStageStep implements PlanStep {
  readonly #branch: BranchPlan;

  constructor(branch: BranchPlan) {
    this.#branch = branch;
  }

  next(outcome: StageOutcome | undefined): Stage | Rejection {
    if (outcome === undefined) return { branches: [this.#branch] };
    return { status: outcome.status, reason: outcome.reason };
  }
}

/** For all of them: it is asked for nothing any more, and has one step. */
const ANSWERED = new StepChain(new RejectStep(500));

/** Steps one after another until one is answered: the Contacts of a redirection (RFC 3261 §8.1.3.4). A 6xx ends the search. */
export class StepsInTurn {
  readonly #firsts: readonly (() => PlanStep)[];
  #position = 0;
  #chain: StepChain | undefined = undefined;

  constructor(firsts: readonly (() => PlanStep)[]) {
    this.#firsts = firsts;
  }

  next(outcome?: StageOutcome): Stage | Rejection {
    let answer: Rejection = { status: 480, reason: 'Temporarily Unavailable' };
    let last = outcome;
    for (;;) {
      if (this.#chain !== undefined) {
        const result = this.#chain.next(last);
        if (!('status' in result)) return result;
        answer = result;
        if (result.status >= 600) return result;
      }
      const first = this.#firsts[this.#position++];
      if (first === undefined) return answer;
      this.#chain = new StepChain(first());
      last = undefined;
    }
  }
}
