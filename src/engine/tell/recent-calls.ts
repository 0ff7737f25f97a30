import { Latest } from '../../base/latest.ts';
import { type OutboundPlan, type PlacedCall, placedCall, type Refusal, type RouteDraft } from '../../outbound/index.ts';

const MAX_CALLS = 1000;

/**
 * The latest outbound calls as they were placed, so that a call can be recorded and explained while it lives and for a while
 * afterwards. They are kept by session (what the routing works with), and found by the call's id, once the two were linked.
 */
export class RecentCalls {
  readonly #bySession: Latest<string, PlacedCall>;
  readonly #sessionOf: Latest<string, string>;

  constructor(capacity = MAX_CALLS) {
    this.#bySession = new Latest(capacity);
    this.#sessionOf = new Latest(capacity);
  }

  /** `refusal` is that of a guard, when one refused what the pipeline had let pass. */
  remember(plan: OutboundPlan, route: RouteDraft | undefined, refusal?: Refusal): void {
    this.#bySession.set(plan.facts.sessionId, placedCall(plan, route, refusal));
  }

  link(callId: string, sessionId: string): void {
    this.#sessionOf.set(callId, sessionId);
  }

  get(callId: string): PlacedCall | undefined {
    const sessionId = this.#sessionOf.get(callId);
    return sessionId === undefined ? undefined : this.#bySession.get(sessionId);
  }

  /** The calls that are known by their id, the latest first. */
  list(): (readonly [callId: string, call: PlacedCall])[] {
    return [...this.#sessionOf].reverse().flatMap(([callId, sessionId]) => {
      const call = this.#bySession.get(sessionId);
      return call === undefined ? [] : [[callId, call] as const];
    });
  }
}
