/** A call that the fraud guards have let in: its place, its talk time, and its end when what it may talk is used up. */
import type { Clock } from '../base/scheduler.ts';
import type { Extension, Tenant } from '../provisioning/tenants/schema.ts';
import type { CapacityGrant } from './capacity.ts';
import type { GuardedParty, GuardUsage } from './guard-usage.ts';

export interface GuardedCall {
  readonly tenant: Tenant;
  /** Undefined for a service's call. */
  readonly extension?: Extension | undefined;
  /** The number called, for events. */
  readonly number: string;
  readonly emergency: boolean;
}

export interface GuardGrant {
  readonly granted: true;
  /** What is left of the day's talk time for this node, all its calls together; undefined without a limit. */
  readonly talkLimitMs: number | undefined;
  /**
   * @param callId what is to be ended when the minutes of the day are used up. Once more: it has become a part of another call, which is
   *   ended instead from now on
   * @param atMs monotonic; default: now
   */
  answered(callId: string, atMs?: number): void;
  /** The call is over; `talkMs` from the answer on, 0 for an unanswered one. A second call does nothing. */
  ended(talkMs: number): void;
}

/** Of a call that is only thought through. */
export const NO_LIMIT: GuardGrant = { granted: true, talkLimitMs: undefined, answered() {}, ended() {} };

/** Has the calls that run. */
export interface Talks {
  began(call: AdmittedCall): void;
  over(call: AdmittedCall, talkMs: number): void;
}

export class AdmittedCall implements GuardGrant {
  readonly granted = true;
  /** As it was placed. */
  readonly call: GuardedCall;
  readonly parties: readonly GuardedParty[];
  readonly talkLimitMs: number | undefined;
  readonly #clock: Clock;
  readonly #places: CapacityGrant;
  readonly #talks: Talks;
  #answeredAtMs: number | undefined = undefined;
  /** Whose minutes may be used up. */
  #callId: string | undefined = undefined;
  #over = false;

  constructor(
    call: GuardedCall,
    parties: readonly GuardedParty[],
    { clock, places, talks, talkLimitMs }: AdmittedCallParts,
  ) {
    this.call = call;
    this.parties = parties;
    this.talkLimitMs = talkLimitMs;
    this.#clock = clock;
    this.#places = places;
    this.#talks = talks;
    for (const { usage } of parties) usage.inProgress++;
  }

  isOf(usage: GuardUsage): boolean {
    return this.parties.some((party) => party.usage === usage);
  }

  answered(callId: string, atMs = this.#clock.nowMs()): void {
    if (this.#over) return;
    if (!this.call.emergency) this.#callId = callId;
    if (this.#answeredAtMs !== undefined) return;
    this.#answeredAtMs = atMs;
    for (const { usage } of this.parties) usage.beginTalk(atMs);
    this.#talks.began(this);
  }

  /** Since its answer; 0 before that. */
  get talkedMs(): number {
    return this.#answeredAtMs === undefined ? 0 : this.#clock.nowMs() - this.#answeredAtMs;
  }

  /** What its parties may talk is used up: the call to end. Undefined: it goes on, or is being ended already. */
  takeCall(): string | undefined {
    const callId = this.#callId;
    this.#callId = undefined;
    return callId;
  }

  ended(talkMs: number): void {
    if (this.#over) return;
    this.#over = true;
    const answeredAtMs = this.#answeredAtMs;
    if (answeredAtMs !== undefined) for (const { usage } of this.parties) usage.endTalk(answeredAtMs);
    this.#places.release();
    for (const { usage } of this.parties) usage.inProgress--;
    // One that a party was moved to has lasted for less than the call that it is a part of.
    this.#talks.over(this, Math.min(talkMs, this.talkedMs));
  }
}

interface AdmittedCallParts {
  readonly clock: Clock;
  readonly places: CapacityGrant;
  readonly talks: Talks;
  readonly talkLimitMs: number | undefined;
}
