import type { BranchPlan, CallFacts, CallPlan, LegOptions, Rejection, Stage, StageOutcome } from '../../call/index.ts';
import type { NodeSettings } from '../../settings/node-schema.ts';

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

const NONE: readonly string[] = [];

/** Plays a step, and whichever takes over from it. */
export class StepChain {
  protected step: PlanStep;
  #steps = 1;
  /** Made with the first one. */
  #warnings: Set<string> | undefined = undefined;

  constructor(first: PlanStep) {
    this.step = first;
  }

  next(outcome?: StageOutcome): Stage | Rejection {
    let result = this.#ask(outcome);
    while (isStep(result)) {
      if (++this.#steps > MAX_STEPS) return { status: 482, reason: 'Loop Detected' };
      this.step = result;
      result = this.#ask(undefined);
    }
    return result;
  }

  /** Each warning once, however many routes gave it. */
  warnings(): readonly string[] {
    return this.#warnings === undefined ? NONE : [...this.#warnings];
  }

  #ask(outcome: StageOutcome | undefined): Stage | Rejection | PlanStep {
    const result = this.step.next(outcome);
    for (const warning of this.step.warnings ?? NONE) {
      this.#warnings ??= new Set();
      this.#warnings.add(warning);
    }
    return result;
  }
}

/** See `CallPlan`. */
export interface PlanHooks {
  readonly onAnswered?: () => void;
  readonly onEnd?: () => void;
}

/** How a plan begins. */
export interface BegunPlan {
  readonly first: PlanStep;
  readonly facts: CallFacts;
  /** See `CallPlan.reasons`. */
  readonly reasons?: readonly string[] | undefined;
}

/** How long its call may ring, and last; ms. */
export type PlanTimers = Pick<NodeSettings['timers'], 'ringMs' | 'sessionLimitMs'>;

/** Plays steps one after another. */
export class StepPlan extends StepChain implements CallPlan {
  readonly callerLeg: LegOptions;
  facts: CallFacts;
  ready: Promise<void> | undefined = undefined;
  emergency = false;
  /** Default: none. */
  hooks: PlanHooks | undefined = undefined;
  passesRedirects = false;
  readonly #timers: PlanTimers;
  #reasons: readonly string[];

  constructor({ first, facts, reasons = NONE }: BegunPlan, callerLeg: LegOptions, timers: PlanTimers) {
    super(first);
    this.callerLeg = callerLeg;
    this.facts = facts;
    this.#timers = timers;
    this.#reasons = reasons;
  }

  get ringTimeoutMs(): number {
    return this.#timers.ringMs;
  }

  get sessionLimitMs(): number {
    return this.#timers.sessionLimitMs;
  }

  /** It begins otherwise than it was thought to, once that is found out. */
  beginWith(begun: Promise<BegunPlan>): void {
    this.ready = begun.then(({ first, facts, reasons = NONE }) => {
      this.step = first;
      this.facts = facts;
      this.#reasons = reasons;
    });
  }

  reasons(): readonly string[] {
    return this.#reasons;
  }

  onAnswered(): void {
    this.step = ANSWERED;
    this.hooks?.onAnswered?.();
  }

  onEnd(): void {
    this.hooks?.onEnd?.();
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

/** For all of them: an answered plan is asked for nothing any more. */
const ANSWERED = new RejectStep(500);

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
