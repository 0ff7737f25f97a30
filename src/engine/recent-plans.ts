import type { OutboundPlan, RouteDraft } from '../outbound/index.ts';

const MAX_PLANS = 1000;

/** How an outbound call was decided: its plan, and the route that was drafted last. */
export interface PlannedCall {
  readonly plan: OutboundPlan;
  readonly route: RouteDraft | undefined;
}

/**
 * The outbound plans of the latest calls, so that a call can be explained while it lives and for a while afterwards. Plans are kept by
 * session (what the routing works with), and found by the call's id, once the two were linked.
 */
export class RecentPlans {
  readonly #bySession = new Map<string, PlannedCall>();
  readonly #sessionOf = new Map<string, string>();
  readonly #capacity: number;

  constructor(capacity = MAX_PLANS) {
    this.#capacity = capacity;
  }

  remember(plan: OutboundPlan, route: RouteDraft | undefined): void {
    keep(this.#bySession, plan.facts.sessionId, { plan, route }, this.#capacity);
  }

  link(callId: string, sessionId: string): void {
    keep(this.#sessionOf, callId, sessionId, this.#capacity);
  }

  get(callId: string): PlannedCall | undefined {
    const sessionId = this.#sessionOf.get(callId);
    return sessionId === undefined ? undefined : this.#bySession.get(sessionId);
  }
}

function keep<T>(map: Map<string, T>, key: string, value: T, capacity: number): void {
  map.set(key, value);
  if (map.size <= capacity) return;
  const oldest = map.keys().next().value;
  if (oldest !== undefined) map.delete(oldest);
}
