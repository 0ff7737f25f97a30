import type { Clock } from '../../base/scheduler.ts';
import { GenerationCache } from './generation-cache.ts';
import type { SourcePolicy } from './types.ts';

export interface SourceGateOptions {
  /** Messages per second that one unknown source may send for long. Default 200. */
  readonly messagesPerSecond: number;
  /** Messages that it may send at once. Default 400. */
  readonly burst: number;
  /** Messages per second that all unknown sources may send together, and as many at once. Default 2,000. */
  readonly strangersPerSecond: number;
  /** Messages per second that one address of a known peer may send, and as many at once. Default 20,000. */
  readonly knownPerSecond: number;
  /** Sources remembered at a time. Default 16,384; the least lately seen are forgotten, which gives them a full burst again. */
  readonly maxSources: number;
  /** As what source (`base/source.ts`) an address of a known peer counts: trunks, registered phones. Default: nobody is known. */
  readonly sourceOf: (address: string) => string | undefined;
  /** False while there is no memory for strangers. Default: always true. */
  readonly hasRoom: () => boolean;
}

export const defaultSourceGateOptions: SourceGateOptions = {
  messagesPerSecond: 200,
  burst: 400,
  strangersPerSecond: 2_000,
  knownPerSecond: 20_000,
  maxSources: 16_384,
  sourceOf: () => undefined,
  hasRoom: () => true,
};

/** How long an address counts as known or unknown before it is looked up again. */
const KNOWN_FOR_MS = 1_000;

class Bucket {
  tokens: number;
  updatedAtMs: number;
  /** As what its address counts; undefined: as a stranger's. */
  source: string | undefined;
  lookedUpAtMs = Number.NEGATIVE_INFINITY;

  constructor(tokens: number, updatedAtMs: number) {
    this.tokens = tokens;
    this.updatedAtMs = updatedAtMs;
  }

  /** Takes one token of a bucket that holds `burst` and gains `perSecond`. */
  take(nowMs: number, perSecond: number, burst: number): boolean {
    const refilled = this.tokens + ((nowMs - this.updatedAtMs) * perSecond) / 1000;
    this.tokens = refilled < burst ? refilled : burst;
    this.updatedAtMs = nowMs;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}

/**
 * A token bucket per source address, and one for all strangers, asked before a message is read, so that a flood costs a look-up per packet
 * and harms nobody else: strangers together have a budget, and each address of a known peer has one that nobody else uses up. The table is
 * bounded: spoofed sources cannot grow it.
 */
export class SourceGate implements SourcePolicy {
  /** Messages that were not let in, by reason. */
  readonly refused = { stranger: 0, strangers: 0, known: 0, memory: 0 };
  readonly #clock: Clock;
  readonly #options: SourceGateOptions;
  readonly #buckets: GenerationCache<Bucket>;
  readonly #strangers: Bucket;

  constructor(clock: Clock, options: Partial<SourceGateOptions> = {}) {
    this.#clock = clock;
    this.#options = { ...defaultSourceGateOptions, ...options };
    this.#buckets = new GenerationCache(this.#options.maxSources);
    this.#strangers = new Bucket(this.#options.strangersPerSecond, clock.nowMs());
  }

  /** Sources remembered now. */
  get sourceCount(): number {
    return this.#buckets.size;
  }

  sourceOf(address: string): string | undefined {
    return this.#bucketOf(address, this.#clock.nowMs()).source;
  }

  hasRoomFor(address: string): boolean {
    if (this.#options.hasRoom() || this.sourceOf(address) !== undefined) return true;
    this.refused.memory++;
    return false;
  }

  admits(address: string): boolean {
    const { burst, messagesPerSecond, strangersPerSecond, knownPerSecond, hasRoom } = this.#options;
    const nowMs = this.#clock.nowMs();
    const bucket = this.#bucketOf(address, nowMs);
    if (bucket.source !== undefined) {
      if (bucket.take(nowMs, knownPerSecond, knownPerSecond)) return true;
      this.refused.known++;
      return false;
    }
    if (!hasRoom()) {
      this.refused.memory++;
      return false;
    }
    if (!bucket.take(nowMs, messagesPerSecond, burst)) {
      this.refused.stranger++;
      return false;
    }
    if (this.#strangers.take(nowMs, strangersPerSecond, strangersPerSecond)) return true;
    this.refused.strangers++;
    return false;
  }

  #bucketOf(address: string, nowMs: number): Bucket {
    let bucket = this.#buckets.get(address);
    if (bucket === undefined) {
      bucket = new Bucket(0, nowMs);
      this.#lookUp(bucket, address, nowMs);
      bucket.tokens = bucket.source === undefined ? this.#options.burst : this.#options.knownPerSecond;
      this.#buckets.set(address, bucket);
    } else if (nowMs - bucket.lookedUpAtMs >= KNOWN_FOR_MS) this.#lookUp(bucket, address, nowMs);
    return bucket;
  }

  #lookUp(bucket: Bucket, address: string, nowMs: number): void {
    const source = this.#options.sourceOf(address);
    bucket.lookedUpAtMs = nowMs;
    // An equal text is kept: whoever counts by it has that one.
    if (source !== bucket.source) bucket.source = source;
  }
}
