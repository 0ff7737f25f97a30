/** Holds what the fraud guards granted to calls, from the plan to the end of the call. */
import type { CallObserver, Calls, GrantSnapshot, LiveRecord } from '../../call/index.ts';
import type { OutboundPlan } from '../../outbound/index.ts';
import type { AdmittedCall, GuardedCall, GuardGrant } from '../../trunks/admitted-call.ts';
import type { GuardRefusal, Guards } from '../../trunks/guards.ts';

/** Plans whose call never came to be (its INVITE was cancelled at once, the node was full) are forgotten at this many. */
const MAX_SESSIONS = 200_000;

/** To both parties of a call that is ended. */
const MINUTES_USED_UP = ['SIP;cause=403;text="Daily Minutes Used Up"'];

type ResumedCall = Pick<LiveRecord, 'id' | 'facts'>;

export class CallGrants implements Partial<CallObserver> {
  readonly #guards: Pick<Guards, 'admit' | 'resume'>;
  /** By session: a call that is sent on to the outside twice holds two grants. */
  readonly #grants = new Map<string, AdmittedCall[]>();

  constructor(guards: Pick<Guards, 'admit' | 'resume'>) {
    this.#guards = guards;
  }

  /** Asks the guards for an outbound call that the pipeline did not refuse. */
  admit(plan: OutboundPlan): GuardGrant | GuardRefusal {
    const { sessionId } = plan.facts;
    const answer = this.#guards.admit(guardedCall(plan));
    if (!answer.granted) return answer;
    const grants = this.#grants.get(sessionId);
    if (grants === undefined) this.#grants.set(sessionId, [answer]);
    else grants.push(answer);
    if (this.#grants.size > MAX_SESSIONS) this.#forgetOldest();
    return answer;
  }

  /** Counts what another process admitted of a call. @param answeredAtMs monotonic, ms */
  resume(of: ResumedCall, call: GuardedCall, answeredAtMs: number): void {
    const { id, facts } = of;
    const { sessionId } = facts;
    if (sessionId === undefined) return;
    const grant = this.#guards.resume(call, answeredAtMs, id);
    this.#grants.set(sessionId, [...this.#grantsOf(sessionId), grant]);
    this.onCallAnswered(of);
  }

  /** What a call holds, for the process that goes on with it. */
  held({ facts: { sessionId } }: Pick<LiveRecord, 'facts'>): GrantSnapshot[] {
    return this.#grantsOf(sessionId).map(({ call: { tenant, extension, number, emergency }, talkedMs }) => ({
      tenant: tenant.name,
      ...(extension !== undefined && { extension: extension.number }),
      number,
      emergency,
      talkMs: talkedMs,
    }));
  }

  onCallAnswered({ id, facts }: ResumedCall): void {
    for (const grant of this.#grantsOf(facts.sessionId)) grant.answered(id);
  }

  /** What was granted to one session is from now on the other's, whose call it has become a part of. */
  joined(sessionId: string | undefined, to: ResumedCall): void {
    const { sessionId: into } = to.facts;
    const grants = this.#grantsOf(sessionId);
    if (sessionId === undefined || into === undefined || sessionId === into || grants.length === 0) return;
    this.#grants.delete(sessionId);
    this.#grants.set(into, [...this.#grantsOf(into), ...grants]);
    this.onCallAnswered(to);
  }

  onPartyMoved({ facts }: LiveRecord, to: LiveRecord): void {
    this.joined(facts.sessionId, to);
  }

  onCallEnded({ facts, talkMs }: LiveRecord): void {
    this.release(facts.sessionId, talkMs);
  }

  onCallMoved(record: LiveRecord): void {
    this.onCallEnded(record);
  }

  /** Gives back what a session holds whose call never began. */
  release(sessionId: string | undefined, talkMs = 0): void {
    if (sessionId === undefined) return;
    const grants = this.#grants.get(sessionId) ?? [];
    this.#grants.delete(sessionId);
    for (const grant of grants) grant.ended(talkMs);
    // A former table of the Map that has grown old keeps the list, and is to keep nothing else.
    grants.length = 0;
  }

  #grantsOf(sessionId: string | undefined): readonly AdmittedCall[] {
    return sessionId === undefined ? [] : (this.#grants.get(sessionId) ?? []);
  }

  #forgetOldest(): void {
    const oldest = this.#grants.keys().next().value;
    this.release(oldest);
  }
}

/** What it may talk is used up. */
export function endUsedUp(calls: Pick<Calls, 'end'>, callId: string): void {
  calls.end(callId, 'daily-minutes-exceeded', MINUTES_USED_UP);
}

/** A call to the outside, as the guards look at it. */
export function guardedCall({ facts: { tenant, caller }, number, emergency }: OutboundPlan): GuardedCall {
  return { tenant, extension: caller.kind === 'extension' ? caller.extension : undefined, number, emergency };
}
