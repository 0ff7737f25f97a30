import type { OutboundPlan } from '../outbound/index.ts';

const MAX_PLANS = 1000;

/** The outbound plans of the latest calls, so that a call can be explained while it lives and for a while afterwards. */
export class RecentPlans {
  readonly #plans = new Map<string, OutboundPlan>();
  readonly #capacity: number;

  constructor(capacity = MAX_PLANS) {
    this.#capacity = capacity;
  }

  /** @param callId the call's id. */
  remember(callId: string, plan: OutboundPlan): void {
    this.#plans.set(callId, plan);
    if (this.#plans.size <= this.#capacity) return;
    const oldest = this.#plans.keys().next().value;
    if (oldest !== undefined) this.#plans.delete(oldest);
  }

  get(callId: string): OutboundPlan | undefined {
    return this.#plans.get(callId);
  }
}
