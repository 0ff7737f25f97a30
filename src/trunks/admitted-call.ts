/** A call that the fraud guards have let in: its place, its talk time, and its end when what it may talk is used up. */
import type { Clock } from '../base/scheduler.ts';
import type { CapacityGrant } from './capacity.ts';
import type { GuardUsage } from './guard-usage.ts';
import type { HolderLimits } from './holders.ts';

export interface GuardedParty {
  readonly key: string;
  /** By which the call is judged. */
  readonly limits: HolderLimits;
  readonly usage: GuardUsage;
}

export interface GuardGrant {
  readonly granted: true;
  /** What is left of the day's talk time for this node, all its calls together; undefined without a limit. */
  readonly talkLimitMs: number | undefined;
  /**
   * Once more: it has become a part of another call, which is ended instead from now on.
   * @param onUsedUp the minutes of the day are used up while it runs: it is to be ended. Called at most once a call, and never for an
   *   emergency call; must not throw
   * @param atMs monotonic; default: now
   */
  answered(onUsedUp: () => void, atMs?: number): void;
  /** The call is over; `talkMs` from the answer on, 0 for an unanswered one. A second call does nothing. */
  ended(talkMs: number): void;
}

/** Has the calls that run. */
export interface Talks {
  began(call: AdmittedCall): void;
  over(call: AdmittedCall, talkMs: number): void;
}

export class AdmittedCall implements GuardGrant {
  readonly granted = true;
  readonly parties: readonly GuardedParty[];
  readonly #emergency: boolean;
  /** Of its placing, for events. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly talkLimitMs: number | undefined;
  readonly #clock: Clock;
  readonly #places: CapacityGrant;
  readonly #talks: Talks;
  #answeredAtMs: number | undefined = undefined;
  #onUsedUp: (() => void) | undefined = undefined;
  #over = false;

  constructor(
    parties: readonly GuardedParty[],
    { clock, places, talks, emergency, facts, talkLimitMs }: AdmittedCallParts,
  ) {
    this.parties = parties;
    this.#emergency = emergency;
    this.facts = facts;
    this.talkLimitMs = talkLimitMs;
    this.#clock = clock;
    this.#places = places;
    this.#talks = talks;
    for (const { usage } of parties) usage.inProgress++;
  }

  isOf(usage: GuardUsage): boolean {
    return this.parties.some((party) => party.usage === usage);
  }

  answered(onUsedUp: () => void, atMs = this.#clock.nowMs()): void {
    if (this.#over) return;
    if (!this.#emergency) this.#onUsedUp = onUsedUp;
    if (this.#answeredAtMs !== undefined) return;
    this.#answeredAtMs = atMs;
    for (const { usage } of this.parties) usage.beginTalk(atMs);
    this.#talks.began(this);
  }

  /** What its parties may talk is used up. False: it goes on, or is being ended already. */
  usedUp(): boolean {
    const end = this.#onUsedUp;
    this.#onUsedUp = undefined;
    end?.();
    return end !== undefined;
  }

  ended(talkMs: number): void {
    if (this.#over) return;
    this.#over = true;
    const answeredAtMs = this.#answeredAtMs;
    if (answeredAtMs !== undefined) for (const { usage } of this.parties) usage.endTalk(answeredAtMs);
    this.#places.release();
    for (const { usage } of this.parties) usage.inProgress--;
    // One that a party was moved to has lasted for less than the call that it is a part of.
    const lastedMs = answeredAtMs === undefined ? 0 : this.#clock.nowMs() - answeredAtMs;
    this.#talks.over(this, Math.min(talkMs, lastedMs));
  }
}

interface AdmittedCallParts {
  readonly clock: Clock;
  readonly places: CapacityGrant;
  readonly talks: Talks;
  readonly emergency: boolean;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly talkLimitMs: number | undefined;
}
