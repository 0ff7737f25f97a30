import { getHeapStatistics } from 'node:v8';
import type { Clock } from '../../base/scheduler.ts';

const SAMPLE_MS = 200;

/**
 * Whether there is memory for strangers: above a share of the heap limit what is left is for those who are known. Looked up a few times
 * a second, when somebody asks.
 */
export class HeapRoom {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #usedShare: () => number;
  #sampledAtMs = Number.NEGATIVE_INFINITY;
  #hasRoom = true;

  /** `most` and what `usedShare` returns: shares of the heap limit, 0 to 1. */
  constructor(clock: Clock, most: number, usedShare = usedHeapShare) {
    this.#clock = clock;
    this.#most = most;
    this.#usedShare = usedShare;
  }

  readonly hasRoom = (): boolean => {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#sampledAtMs >= SAMPLE_MS) {
      this.#sampledAtMs = nowMs;
      this.#hasRoom = this.#usedShare() < this.#most;
    }
    return this.#hasRoom;
  };
}

function usedHeapShare(): number {
  const { used_heap_size, heap_size_limit } = getHeapStatistics();
  return used_heap_size / heap_size_limit;
}
