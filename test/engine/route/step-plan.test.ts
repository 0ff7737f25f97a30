import { describe, expect, test } from 'vitest';
import type { Stage, StageOutcome } from '../../../src/call/index.ts';
import { type PlanStep, RejectStep, StepPlan } from '../../../src/engine/route/step-plan.ts';

const BUSY: StageOutcome = { status: 486, reason: 'Busy Here', cause: 'response', earlyMedia: false };
const STAGE: Stage = { branches: [] };

function planOf(first: PlanStep): StepPlan {
  const facts = { direction: 'internal', caller: '101', called: '102' } as const;
  return new StepPlan({ first, facts }, { contact: '<sip:engine>' }, { ringMs: 1000, sessionLimitMs: 0 });
}

/** Plays one stage, then hands over to what comes next. */
class OneStage implements PlanStep {
  readonly warnings: string[] = [];
  readonly #after: () => Stage | { status: number } | PlanStep;

  constructor(after: () => Stage | { status: number } | PlanStep) {
    this.#after = after;
  }

  next(outcome: StageOutcome | undefined) {
    if (outcome === undefined) {
      this.warnings.push('399 a "first"');
      return STAGE;
    }
    this.warnings.push('399 a "first"', '399 a "second"');
    return this.#after();
  }
}

describe('a plan of steps', () => {
  test('a step gives its stages, and the next step takes over with its first', () => {
    const plan = planOf(new OneStage(() => new OneStage(() => ({ status: 404 }))));
    expect(plan.next()).toBe(STAGE);
    expect(plan.next(BUSY)).toBe(STAGE);
    expect(plan.next(BUSY)).toEqual({ status: 404 });
  });

  test('a step that refuses at once ends the plan', () => {
    expect(planOf(new RejectStep(404, 'Not Found')).next()).toEqual({ status: 404, reason: 'Not Found' });
    expect(planOf(new RejectStep(603)).next()).toEqual({ status: 603 });
  });

  test('steps that send the call on to each other for ever are a loop: 482', () => {
    const forward: PlanStep = { next: () => forward };
    expect(planOf(forward).next()).toEqual({ status: 482, reason: 'Loop Detected' });
  });

  test('each warning is kept once, over all steps, in order (RFC 3261 §20.43)', () => {
    const plan = planOf(new OneStage(() => new OneStage(() => ({ status: 404 }))));
    plan.next();
    expect(plan.warnings()).toEqual(['399 a "first"']);
    plan.next(BUSY);
    plan.next(BUSY);
    expect(plan.warnings()).toEqual(['399 a "first"', '399 a "second"']);
  });

  test('its end is told once it is asked for', () => {
    let ended = 0;
    const plan = planOf(new RejectStep(404));
    plan.hooks = { onEnd: () => ended++ };
    plan.onEnd();
    expect(ended).toBe(1);
  });
});
