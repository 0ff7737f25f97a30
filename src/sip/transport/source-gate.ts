import type { Clock } from '../../base/scheduler.ts';
import { GenerationCache } from './generation-cache.ts';
import type { SourcePolicy } from './types.ts';

export interface SourceGateOptions {
  /** Messages per second that one unknown source may send for long. Default 200. */
  readonly messagesPerSecond: number;
  /** Messages that it may send at once. Default 400. */
  readonly burst: number;
  /** Sources remembered at a time. Default 16,384; the least lately seen are forgotten, which gives them a full burst again. */
  readonly maxSources: number;
  /** Peers that are not limited and that have connection slots of their own: trunks, registered phones. Default: nobody. */
  readonly knows: (address: string) => boolean;
}

export const defaultSourceGateOptions: SourceGateOptions = {
  messagesPerSecond: 200,
  burst: 400,
  maxSources: 16_384,
  knows: () => false,
};

class Bucket {
  tokens: number;
  updatedAtMs: number;

  constructor(tokens: number, updatedAtMs: number) {
    this.tokens = tokens;
    this.updatedAtMs = updatedAtMs;
  }
}

/**
 * A token bucket per source address, asked before a message is parsed, so that a flood from one source costs a look-up per packet
 * and harms nobody else. The table is bounded: spoofed sources cannot grow it.
 */
export class SourceGate implements SourcePolicy {
  readonly #clock: Clock;
  readonly #options: SourceGateOptions;
  readonly #buckets: GenerationCache<Bucket>;

  constructor(clock: Clock, options: Partial<SourceGateOptions> = {}) {
    this.#clock = clock;
    this.#options = { ...defaultSourceGateOptions, ...options };
    this.#buckets = new GenerationCache(this.#options.maxSources);
  }

  /** Sources remembered now. */
  get sourceCount(): number {
    return this.#buckets.size;
  }

  knows(address: string): boolean {
    return this.#options.knows(address);
  }

  admits(address: string): boolean {
    const { burst, messagesPerSecond } = this.#options;
    const nowMs = this.#clock.nowMs();
    const bucket = this.#buckets.get(address);
    if (bucket === undefined) {
      this.#buckets.set(address, new Bucket(burst - 1, nowMs));
      return true;
    }
    const refilled = bucket.tokens + ((nowMs - bucket.updatedAtMs) * messagesPerSecond) / 1000;
    bucket.tokens = refilled < burst ? refilled : burst;
    bucket.updatedAtMs = nowMs;
    if (bucket.tokens >= 1) {
      bucket.tokens--;
      return true;
    }
    // A known peer is looked up only here, where it would otherwise be refused.
    return this.#options.knows(address);
  }
}
