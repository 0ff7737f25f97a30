import type { BranchPlan, CallFacts, CallPlan, LegOptions, Rejection, Stage, StageOutcome } from '../call/index.ts';

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

export interface StepPlanOptions {
  readonly first: PlanStep;
  readonly callerLeg: LegOptions;
  readonly facts: CallFacts;
  readonly ringTimeoutMs: number;
  readonly sessionLimitMs: number;
  readonly onEnd?: () => void;
}

/** Plays steps one after another. */
export class StepPlan implements CallPlan {
  readonly callerLeg: LegOptions;
  readonly facts: CallFacts;
  readonly ringTimeoutMs: number;
  readonly sessionLimitMs: number;
  readonly #onEnd: (() => void) | undefined;
  #step: PlanStep;
  #steps = 1;
  /** Made with the first one. */
  #warnings: Set<string> | undefined = undefined;

  constructor(options: StepPlanOptions) {
    this.#step = options.first;
    this.callerLeg = options.callerLeg;
    this.facts = options.facts;
    this.ringTimeoutMs = options.ringTimeoutMs;
    this.sessionLimitMs = options.sessionLimitMs;
    this.#onEnd = options.onEnd;
  }

  next(outcome?: StageOutcome): Stage | Rejection {
    let result = this.#ask(outcome);
    while (isStep(result)) {
      if (++this.#steps > MAX_STEPS) return { status: 482, reason: 'Loop Detected' };
      this.#step = result;
      result = this.#ask(undefined);
    }
    return result;
  }

  /** Each warning once, however many routes gave it. */
  warnings(): readonly string[] {
    return this.#warnings === undefined ? [] : [...this.#warnings];
  }

  #ask(outcome: StageOutcome | undefined): Stage | Rejection | PlanStep {
    const result = this.#step.next(outcome);
    for (const warning of this.#step.warnings ?? []) {
      this.#warnings ??= new Set();
      this.#warnings.add(warning);
    }
    return result;
  }

  onAnswered(): void {
    this.#step = ANSWERED;
  }

  onEnd(): void {
    this.#onEnd?.();
  }
}

/** A step that refuses at once. */
export class RejectStep implements PlanStep {
  readonly #rejection: Rejection;

  constructor(status: number, reason?: string) {
    this.#rejection = reason === undefined ? { status } : { status, reason };
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

const ANSWERED = new RejectStep(500);
