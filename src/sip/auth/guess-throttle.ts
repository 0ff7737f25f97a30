import type { Clock } from '../../base/scheduler.ts';

/** A leaky bucket: `burst` failures at once, then one per `refillMs`. */
export interface GuessBudget {
  readonly burst: number;
  readonly refillMs: number;
}

export interface GuessThrottleOptions {
  /** One user from one address. Default: 10, then one per 30 s. */
  readonly perUserAndSource?: GuessBudget;
  /** One user from all addresses that never signed in as it. Default: 30, then one per 20 s. */
  readonly perUser?: GuessBudget;
  /** One address over all users that never signed in from it. Default: 60, then one per 2 s. */
  readonly perSource?: GuessBudget;
  /** Entries kept in each table; the longest unused goes first. Default: 50,000. */
  readonly maxEntries?: number;
}

/**
 * Slows down password guessing, per user and per source address.
 *
 * Rules it keeps: only a wrong password counts, and one can be wrong only with a nonce that was sent to its source, so a forged
 * source address blocks nobody; an attempt that is refused here does not count again, so a misconfigured phone gets its next try;
 * where a user has signed in before, only that user's own mistakes from there count, so neither guesses from elsewhere nor a
 * neighbour behind the same NAT lock it out; memory is bounded and nothing needs a timer.
 */
export class GuessThrottle {
  readonly #clock: Clock;
  readonly #pairs: Buckets;
  readonly #users: Buckets;
  readonly #sources: Buckets;
  /** User and address pairs that have signed in, oldest first. */
  readonly #known = new Set<string>();
  readonly #maxEntries: number;

  constructor(clock: Clock, options: GuessThrottleOptions = {}) {
    this.#clock = clock;
    this.#maxEntries = options.maxEntries ?? 50_000;
    this.#pairs = new Buckets(options.perUserAndSource ?? { burst: 10, refillMs: 30_000 }, this.#maxEntries);
    this.#users = new Buckets(options.perUser ?? { burst: 30, refillMs: 20_000 }, this.#maxEntries);
    this.#sources = new Buckets(options.perSource ?? { burst: 60, refillMs: 2000 }, this.#maxEntries);
  }

  /** May this user's password be tried from this address now? */
  allows(user: string, source: string): boolean {
    if (this.#pairs.size === 0) return true;
    const nowMs = this.#clock.nowMs();
    const pair = pairKey(user, source);
    if (this.#pairs.isFull(pair, nowMs)) return false;
    if (this.#known.has(pair)) return true;
    return !this.#users.isFull(user, nowMs) && !this.#sources.isFull(source, nowMs);
  }

  /** A wrong password, checked and found wrong. */
  failed(user: string, source: string): void {
    const nowMs = this.#clock.nowMs();
    const pair = pairKey(user, source);
    this.#pairs.add(pair, nowMs);
    if (this.#known.has(pair)) return;
    this.#users.add(user, nowMs);
    this.#sources.add(source, nowMs);
  }

  /** The right password. */
  succeeded(user: string, source: string): void {
    const pair = pairKey(user, source);
    if (this.#known.has(pair)) return;
    if (this.#known.size >= this.#maxEntries) deleteOldest(this.#known);
    this.#known.add(pair);
  }

  /** Entries held now, for metrics and tests. */
  get size(): number {
    return this.#pairs.size + this.#users.size + this.#sources.size + this.#known.size;
  }
}

function pairKey(user: string, source: string): string {
  return `${source} ${user}`;
}

interface Bucket {
  level: number;
  atMs: number;
}

class Buckets {
  readonly #budget: GuessBudget;
  readonly #maxEntries: number;
  /** Ordered by last failure, oldest first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(budget: GuessBudget, maxEntries: number) {
    this.#budget = budget;
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#buckets.size;
  }

  isFull(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key);
    return bucket !== undefined && this.#levelAt(bucket, nowMs) + 1 > this.#budget.burst;
  }

  add(key: string, nowMs: number): void {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      if (this.#buckets.size >= this.#maxEntries) deleteOldest(this.#buckets);
      this.#buckets.set(key, { level: 1, atMs: nowMs });
      return;
    }
    bucket.level = this.#levelAt(bucket, nowMs) + 1;
    bucket.atMs = nowMs;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
  }

  #levelAt(bucket: Bucket, nowMs: number): number {
    return Math.max(0, bucket.level - (nowMs - bucket.atMs) / this.#budget.refillMs);
  }
}

function deleteOldest(collection: Map<string, unknown> | Set<string>): void {
  for (const key of collection.keys()) {
    collection.delete(key);
    return;
  }
}
