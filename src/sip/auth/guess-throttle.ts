import { Latest } from '../../base/latest.ts';
import { hostKey } from '../../base/network.ts';
import type { Clock } from '../../base/scheduler.ts';

/** While a user's budget is spent, an address that has been wrong waits this long for its next try. */
const FIRST_TRY_EVERY_MS = 3_600_000;

/** A leaky bucket: `burst` failures at once, then one per `refillMs`. */
export interface GuessBudget {
  readonly burst: number;
  readonly refillMs: number;
}

export interface GuessThrottleOptions {
  /** One user from one address. Default: 10, then one per 30 s. */
  readonly perUserAndSource?: GuessBudget;
  /**
   * One user from all addresses that never signed in as it. Default: 30, then one per 20 s; while none is left, one more from each
   * address that has not been wrong for an hour.
   */
  readonly perUser?: GuessBudget;
  /** One address over all users that never signed in from it. Default: 60, then one per 2 s. */
  readonly perSource?: GuessBudget;
  /** A user signed in from an address for the first time: to be kept, for {@link GuessThrottle.restore}. */
  readonly onSignIn?: (pair: string) => void;
  /** Most entries of each table; those unused for longest go first. Default: 50,000. */
  readonly maxEntries?: number;
}

/**
 * Slows down password guessing, per user and per source address.
 *
 * Rules it keeps: only a wrong password counts, and one can be wrong only with a nonce that was sent to its source, so a forged
 * source address blocks nobody; an attempt that is refused here does not count again, so a misconfigured phone gets its next try;
 * where a user has signed in before, only that user's own mistakes from there count, so neither guesses from elsewhere nor a
 * neighbour behind the same NAT lock it out; nor do they where it comes for the first time with the right password: an address that
 * has not guessed at a user yet has one try, however many others have; an IPv6 host is its /64, of which it has every address; memory
 * is bounded and nothing needs a timer.
 */
export class GuessThrottle {
  readonly #clock: Clock;
  readonly #pairs: Buckets;
  readonly #users: Buckets;
  readonly #sources: Buckets;
  /** User and address pairs that have signed in. */
  readonly #known: Latest<string, true>;
  readonly #onSignIn: (pair: string) => void;

  constructor(clock: Clock, options: GuessThrottleOptions = {}) {
    this.#clock = clock;
    const maxEntries = options.maxEntries ?? 50_000;
    this.#known = new Latest(maxEntries);
    this.#onSignIn = options.onSignIn ?? (() => {});
    this.#pairs = new Buckets(options.perUserAndSource ?? { burst: 10, refillMs: 30_000 }, maxEntries);
    this.#users = new Buckets(options.perUser ?? { burst: 30, refillMs: 20_000 }, maxEntries);
    this.#sources = new Buckets(options.perSource ?? { burst: 60, refillMs: 2000 }, maxEntries);
  }

  /** May this user's password be tried from this address now? */
  allows(user: string, source: string): boolean {
    if (this.#pairs.size === 0) return true;
    const nowMs = this.#clock.nowMs();
    const pair = pairKey(user, source);
    if (this.#pairs.isFull(pair, nowMs)) return false;
    if (this.#known.get(pair) === true) return true;
    if (this.#sources.isFull(hostKey(source), nowMs)) return false;
    return !this.#users.isFull(user, nowMs) || !this.#pairs.hasSince(pair, nowMs - FIRST_TRY_EVERY_MS);
  }

  /** A wrong password, checked and found wrong. */
  failed(user: string, source: string): void {
    const nowMs = this.#clock.nowMs();
    const pair = pairKey(user, source);
    this.#pairs.add(pair, nowMs);
    if (this.#known.get(pair) === true) return;
    this.#users.add(user, nowMs);
    this.#sources.add(hostKey(source), nowMs);
  }

  /** The right password. */
  succeeded(user: string, source: string): void {
    const pair = pairKey(user, source);
    if (this.#known.get(pair) === undefined) this.#onSignIn(pair);
    this.#known.set(pair, true);
  }

  /** What `onSignIn` told in an earlier life, the oldest first. */
  restore(pairs: Iterable<string>): void {
    for (const pair of pairs) this.#known.set(pair, true);
  }

  /** Entries held now, for metrics and tests. */
  get size(): number {
    return this.#pairs.size + this.#users.size + this.#sources.size + this.#known.size;
  }
}

function pairKey(user: string, source: string): string {
  return `${hostKey(source)} ${user}`;
}

interface Bucket {
  level: number;
  atMs: number;
}

class Buckets {
  readonly #budget: GuessBudget;
  readonly #buckets: Latest<string, Bucket>;

  constructor(budget: GuessBudget, maxEntries: number) {
    this.#budget = budget;
    this.#buckets = new Latest(maxEntries);
  }

  get size(): number {
    return this.#buckets.size;
  }

  isFull(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key);
    return bucket !== undefined && this.#levelAt(bucket, nowMs) + 1 > this.#budget.burst;
  }

  /** Whether something was added after this time. */
  hasSince(key: string, sinceMs: number): boolean {
    const bucket = this.#buckets.get(key);
    return bucket !== undefined && bucket.atMs > sinceMs;
  }

  add(key: string, nowMs: number): void {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      this.#buckets.set(key, { level: 1, atMs: nowMs });
      return;
    }
    // No more than full: what comes once it is must not make it longer to empty.
    bucket.level = Math.min(this.#levelAt(bucket, nowMs) + 1, this.#budget.burst);
    bucket.atMs = nowMs;
    this.#buckets.set(key, bucket);
  }

  #levelAt(bucket: Bucket, nowMs: number): number {
    return Math.max(0, bucket.level - (nowMs - bucket.atMs) / this.#budget.refillMs);
  }
}
