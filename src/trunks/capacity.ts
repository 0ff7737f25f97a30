/**
 * Who may still place a call: calls in progress and calls begun per second, for trunks, tenants, a tenant on a trunk and extensions.
 * An admission asks all of its holders at once and takes from all or from none. Limits hold for all nodes of the store.
 */
import type { Clock } from '../base/scheduler.ts';
import type { Steps } from '../base/steps.ts';
import { type LimitUse, SharedLimits } from './shared-limits.ts';

/** The bucket holds what 100 ms may use (at least one call), so that a second's share cannot come in one burst. */
const GRAIN_SECONDS = 0.1;

/** How fast it is forgotten that calls were asked for. */
const MEMORY_MS = 1_000;
/** Calls a second below which nobody needs to be told. */
const LEAST_RATE = 0.05;

export interface CapacityHolder {
  /** Stable key, e.g. `trunk 42`. */
  readonly key: string;
  /** Calls in progress; undefined means no limit. */
  readonly concurrentCalls?: number | undefined;
  readonly callsPerSecond?: number | undefined;
}

export interface CapacityRefusal {
  readonly granted: false;
  readonly holder: string;
  readonly limit: 'concurrent-calls' | 'calls-per-second';
}

export interface CapacityGrant {
  readonly granted: true;
  /** Gives the places back; a second call does nothing. */
  release(): void;
}

class HolderCount {
  readonly key: string;
  concurrent = 0;
  /** How many it may have at all nodes together. */
  concurrentCalls: number | undefined = undefined;
  /** There is a limit now, of calls in progress or a second: the others are to know of it. */
  isLimited = false;
  tokens = 0;
  refilledMs = 0;
  callsPerSecond: number | undefined = undefined;
  #asked = 0;
  #askedAtMs = 0;

  constructor(key: string) {
    this.key = key;
  }

  /** As `other` is now. */
  like(other: HolderCount): this {
    Object.assign(this, other);
    this.#asked = other.#asked;
    this.#askedAtMs = other.#askedAtMs;
    return this;
  }

  /** Fills the bucket up to now, with this node's share of the rate; a changed rate starts a full one. */
  refill(rate: number, share: number, nowMs: number): void {
    const depth = Math.max(1, share * GRAIN_SECONDS);
    if (this.callsPerSecond !== rate) {
      this.callsPerSecond = rate;
      this.tokens = depth;
    } else {
      this.tokens = Math.min(depth, this.tokens + ((nowMs - this.refilledMs) * share) / 1000);
    }
    this.refilledMs = nowMs;
  }

  noteAsked(nowMs: number): void {
    this.#asked = this.askedPerSecond(nowMs) + 1000 / MEMORY_MS;
    this.#askedAtMs = nowMs;
  }

  askedPerSecond(nowMs: number): number {
    return this.#asked === 0 ? 0 : this.#asked * Math.exp((this.#askedAtMs - nowMs) / MEMORY_MS);
  }
}

class TakenPlaces implements CapacityGrant {
  readonly granted = true;
  readonly #giveBack: (holder: CapacityHolder) => void;
  #holders: readonly CapacityHolder[] | undefined;

  constructor(giveBack: (holder: CapacityHolder) => void, holders: readonly CapacityHolder[]) {
    this.#giveBack = giveBack;
    this.#holders = holders;
  }

  release(): void {
    this.#holders?.forEach(this.#giveBack);
    this.#holders = undefined;
  }
}

export class Capacity {
  readonly #clock: Clock;
  readonly #shared: SharedLimits;
  readonly #usages = new Map<string, HolderCount>();
  readonly #giveBack = (holder: CapacityHolder) => this.#onReleased(holder);

  constructor(clock: Clock, shared = new SharedLimits(clock)) {
    this.#clock = clock;
    this.#shared = shared;
  }

  /** Takes one place from every holder, or from none and says which refused. An emergency call is counted and never refused. */
  admit(holders: readonly CapacityHolder[], emergency = false): CapacityGrant | CapacityRefusal {
    const refusal = emergency ? undefined : this.#judge(holders);
    if (refusal !== undefined) return refusal;
    for (const holder of holders) this.#take(holder, emergency);
    return new TakenPlaces(this.#giveBack, holders);
  }

  #take(holder: CapacityHolder, emergency: boolean): void {
    const { key, callsPerSecond } = holder;
    const usage = this.#usage(key);
    usage.concurrent++;
    follow(usage, holder);
    if (callsPerSecond !== undefined) {
      if (emergency) this.#refill(usage, callsPerSecond, this.#clock.nowMs());
      usage.tokens--;
    }
  }

  /** Who has a place is known until it gives it back. */
  #onReleased({ key }: CapacityHolder): void {
    const usage = this.#usage(key);
    usage.concurrent--;
    // Nothing is left to remember of a holder without a rate.
    if (usage.concurrent === 0 && usage.callsPerSecond === undefined) this.#usages.delete(key);
  }

  /** Which holder has no place for one more call, if one has none. */
  #judge(holders: readonly CapacityHolder[]): CapacityRefusal | undefined {
    const nowMs = this.#clock.nowMs();
    for (const holder of holders) {
      const { key, callsPerSecond } = holder;
      if (this.isFull(holder)) return { granted: false, holder: key, limit: 'concurrent-calls' };
      if (callsPerSecond === undefined) continue;
      const rated = this.#usage(key);
      this.#refill(rated, callsPerSecond, nowMs);
      if (rated.tokens < 1) return { granted: false, holder: key, limit: 'calls-per-second' };
    }
    return undefined;
  }

  /** Whether a holder has no place for one more call in progress. */
  isFull({ key, concurrentCalls }: CapacityHolder): boolean {
    return concurrentCalls !== undefined && this.inProgress(key) >= this.#shared.places(key, concurrentCalls);
  }

  /** The same of one that has calls here, by its key alone: with the limit that it has had since it was last asked or followed. */
  hasNoPlace(key: string): boolean {
    const usage = this.#usages.get(key);
    return usage !== undefined && usage.concurrent > 0 && this.isFull(usage);
  }

  /** The same places, taken as they are now, for calls that are only thought through; on a clock of their own. */
  copy(clock: Clock): Capacity {
    const copy = new Capacity(clock, this.#shared);
    for (const [key, usage] of this.#usages) copy.#usages.set(key, new HolderCount(key).like(usage));
    return copy;
  }

  /** Calls in progress of a holder on this node. */
  inProgress(key: string): number {
    return this.#usages.get(key)?.concurrent ?? 0;
  }

  /** What is set for whom has changed: the others are told of those who have a limit from now on. */
  *follow(limitsOf: (key: string) => Omit<CapacityHolder, 'key'>): Steps<void> {
    for (const usage of this.#usages.values()) {
      follow(usage, limitsOf(usage.key));
      yield;
    }
  }

  /** What this node has of the limits, for the others. */
  use(): Required<Pick<LimitUse, 'calls' | 'rates'>> {
    const calls: Record<string, number> = {};
    const rates: Record<string, number> = {};
    const nowMs = this.#clock.nowMs();
    for (const [key, usage] of this.#usages) {
      if (!usage.isLimited) continue;
      if (usage.concurrent > 0) calls[key] = usage.concurrent;
      const rate = usage.askedPerSecond(nowMs);
      if (rate >= LEAST_RATE) rates[key] = Math.round(rate * 100) / 100;
    }
    return { calls, rates };
  }

  /** Holders that are remembered. */
  get size(): number {
    return this.#usages.size;
  }

  #refill(usage: HolderCount, callsPerSecond: number, nowMs: number): void {
    usage.noteAsked(nowMs);
    usage.refill(callsPerSecond, this.#shared.rate(usage.key, callsPerSecond), nowMs);
  }

  #usage(key: string): HolderCount {
    let usage = this.#usages.get(key);
    if (usage === undefined) {
      usage = new HolderCount(key);
      this.#usages.set(key, usage);
    }
    return usage;
  }
}

function follow(usage: HolderCount, { concurrentCalls, callsPerSecond }: Omit<CapacityHolder, 'key'>): void {
  usage.concurrentCalls = concurrentCalls;
  usage.isLimited = concurrentCalls !== undefined || callsPerSecond !== undefined;
}
