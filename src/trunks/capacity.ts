/**
 * Who may still place a call: calls in progress and calls begun per second, for trunks, tenants, a tenant on a trunk and extensions.
 * An admission asks all of its holders at once and takes from all or from none.
 */
import type { Clock } from '../base/scheduler.ts';

/** The bucket holds what 100 ms may use (at least one call), so that a second's share cannot come in one burst. */
const GRAIN_SECONDS = 0.1;

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
  tokens = 0;
  refilledMs = 0;
  callsPerSecond: number | undefined = undefined;

  constructor(key: string) {
    this.key = key;
  }

  /** Fills the bucket up to now; a changed rate starts a full one. */
  refill(rate: number, nowMs: number): void {
    const depth = Math.max(1, rate * GRAIN_SECONDS);
    if (this.callsPerSecond !== rate) {
      this.callsPerSecond = rate;
      this.tokens = depth;
    } else {
      this.tokens = Math.min(depth, this.tokens + ((nowMs - this.refilledMs) * rate) / 1000);
    }
    this.refilledMs = nowMs;
  }
}

class TakenPlaces implements CapacityGrant {
  readonly granted = true;
  readonly #capacity: Map<string, HolderCount>;
  #usages: readonly HolderCount[] | undefined;

  constructor(capacity: Map<string, HolderCount>, usages: readonly HolderCount[]) {
    this.#capacity = capacity;
    this.#usages = usages;
  }

  release(): void {
    for (const usage of this.#usages ?? []) {
      usage.concurrent--;
      // Nothing is left to remember of a holder without a rate.
      if (usage.concurrent === 0 && usage.callsPerSecond === undefined) this.#capacity.delete(usage.key);
    }
    this.#usages = undefined;
  }
}

export class Capacity {
  readonly #clock: Clock;
  readonly #elsewhere: (key: string) => number;
  readonly #usages = new Map<string, HolderCount>();

  /** @param elsewhere calls in progress of a holder on the other nodes of the store, which count too. */
  constructor(clock: Clock, elsewhere: (key: string) => number = () => 0) {
    this.#clock = clock;
    this.#elsewhere = elsewhere;
  }

  /** Takes one place from every holder, or from none and says which refused. An emergency call is counted and never refused. */
  admit(holders: readonly CapacityHolder[], emergency = false): CapacityGrant | CapacityRefusal {
    const refusal = emergency ? undefined : this.#judge(holders);
    if (refusal !== undefined) return refusal;
    const usages = holders.map(({ key, callsPerSecond }) => {
      const usage = this.#usage(key);
      usage.concurrent++;
      if (callsPerSecond !== undefined) {
        if (emergency) usage.refill(callsPerSecond, this.#clock.nowMs());
        usage.tokens--;
      }
      return usage;
    });
    return new TakenPlaces(this.#usages, usages);
  }

  /** Which holder has no place for one more call, if one has none. */
  #judge(holders: readonly CapacityHolder[]): CapacityRefusal | undefined {
    const nowMs = this.#clock.nowMs();
    for (const { key, concurrentCalls, callsPerSecond } of holders) {
      const usage = this.#usages.get(key);
      const inProgress = (usage?.concurrent ?? 0) + this.#elsewhere(key);
      if (concurrentCalls !== undefined && inProgress >= concurrentCalls) {
        return { granted: false, holder: key, limit: 'concurrent-calls' };
      }
      if (callsPerSecond === undefined) continue;
      const rated = usage ?? this.#usage(key);
      rated.refill(callsPerSecond, nowMs);
      if (rated.tokens < 1) return { granted: false, holder: key, limit: 'calls-per-second' };
    }
    return undefined;
  }

  /** The same places, taken as they are now, for calls that are only thought through; on a clock of their own. */
  copy(clock: Clock): Capacity {
    const copy = new Capacity(clock, this.#elsewhere);
    for (const [key, usage] of this.#usages) copy.#usages.set(key, Object.assign(new HolderCount(key), usage));
    return copy;
  }

  /** Calls in progress of a holder on this node. */
  inProgress(key: string): number {
    return this.#usages.get(key)?.concurrent ?? 0;
  }

  /** Calls in progress on this node by holder; only those above 0. */
  snapshot(): Record<string, number> {
    const calls: Record<string, number> = {};
    for (const [key, { concurrent }] of this.#usages) if (concurrent > 0) calls[key] = concurrent;
    return calls;
  }

  /** Holders that are remembered. */
  get size(): number {
    return this.#usages.size;
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
