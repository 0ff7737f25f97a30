import { type OutboundPlan, type PlacedCall, placedCall, type Refusal, type RouteDraft } from '../outbound/index.ts';

const MAX_CALLS = 1000;

/**
 * The latest outbound calls as they were placed, so that a call can be recorded and explained while it lives and for a while
 * afterwards. They are kept by session (what the routing works with), and found by the call's id, once the two were linked.
 */
export class RecentCalls {
  readonly #bySession = new Map<string, PlacedCall>();
  readonly #sessionOf = new Map<string, string>();
  readonly #capacity: number;

  constructor(capacity = MAX_CALLS) {
    this.#capacity = capacity;
  }

  /** `refusal` is that of a guard, when one refused what the pipeline had let pass. */
  remember(plan: OutboundPlan, route: RouteDraft | undefined, refusal?: Refusal): void {
    keep(this.#bySession, plan.facts.sessionId, placedCall(plan, route, refusal), this.#capacity);
  }

  link(callId: string, sessionId: string): void {
    keep(this.#sessionOf, callId, sessionId, this.#capacity);
  }

  get(callId: string): PlacedCall | undefined {
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
