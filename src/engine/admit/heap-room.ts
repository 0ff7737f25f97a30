import { getHeapStatistics, type HeapInfo } from 'node:v8';
import type { Clock } from '../../base/scheduler.ts';

const SAMPLE_MS = 200;

/** Ended transactions. */
export interface Held {
  readonly lingeringOctets: number;
}

type Heap = Pick<HeapInfo, 'used_heap_size' | 'heap_size_limit'>;

/**
 * Whether there is memory for strangers: above a share of the heap limit what is left is for those who are known. Looked up a few times
 * a second, when somebody asks.
 */
export class HeapRoom {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #heap: () => Heap;
  readonly #held: () => Held;
  #sampledAtMs = Number.NEGATIVE_INFINITY;
  #hasRoom = true;

  /**
   * @param most share of the heap limit, 0 to 1
   * @param held what peers have the process hold outside of the heap: it counts as if it were within
   */
  constructor(clock: Clock, most: number, held: () => Held, heap: () => Heap = getHeapStatistics) {
    this.#clock = clock;
    this.#most = most;
    this.#held = held;
    this.#heap = heap;
  }

  readonly hasRoom = (): boolean => {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#sampledAtMs >= SAMPLE_MS) {
      this.#sampledAtMs = nowMs;
      const { used_heap_size: used, heap_size_limit: limit } = this.#heap();
      this.#hasRoom = used + this.#held().lingeringOctets < this.#most * limit;
    }
    return this.#hasRoom;
  };
}
