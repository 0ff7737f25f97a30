import { createHistogram, performance } from 'node:perf_hooks';

const BUSY_SAMPLE_MS = 50;
/** Each sample wakes an idle process, in which nothing waits for anything. */
const CALM_SAMPLE_MS = 500;
/** Share of the time since the last sample in which the loop was at work. */
const BUSY_SHARE = 0.01;
const NANOSECONDS_PER_MS = 1e6;

/**
 * How long what is due waits for this thread's event loop: a timer of its own, that comes late by as much. It samples often while the loop
 * is busy, and seldom while it is not. A turn between two of the seldom ones would be in neither: where the loop was at work for as long as
 * a busy one goes without a sample, all of that counts as one turn, which it may have been. (`monitorEventLoopDelay` samples all the time, or, by turns, leaves out what answers sockets.)
 */
export class LoopDelay {
  readonly #readings: LoopDelayReading[] = [];
  #used = performance.eventLoopUtilization();
  #dueMs = 0;
  #sampledAfterMs = CALM_SAMPLE_MS;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor() {
    this.#sampleIn(this.#sampledAfterMs);
  }

  /** For one who reads, and begins anew when he likes. */
  reading(): LoopDelayReading {
    const reading = new LoopDelayReading();
    this.#readings.push(reading);
    return reading;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #sampleIn(ms: number): void {
    this.#sampledAfterMs = ms;
    this.#dueMs = performance.now() + ms;
    this.#timer = setTimeout(() => this.#sample(), ms);
    this.#timer.unref();
  }

  #sample(): void {
    const lateMs = Math.max(performance.now() - this.#dueMs, 0);
    const used = performance.eventLoopUtilization();
    const { active: activeMs, utilization } = performance.eventLoopUtilization(used, this.#used);
    const isUnseen = this.#sampledAfterMs === CALM_SAMPLE_MS && activeMs >= BUSY_SAMPLE_MS;
    for (const reading of this.#readings) reading.add(isUnseen ? Math.max(lateMs, activeMs) : lateMs);
    this.#used = used;
    this.#sampleIn(utilization > BUSY_SHARE ? BUSY_SAMPLE_MS : CALM_SAMPLE_MS);
  }
}

/** Delays in milliseconds; 0 as long as there is none. */
export class LoopDelayReading {
  readonly #delays = createHistogram();

  add(delayMs: number): void {
    this.#delays.record(Math.max(Math.round(delayMs * NANOSECONDS_PER_MS), 1));
  }

  /** @param share of the samples that were no later, in percent above 0 */
  percentileMs(share: number): number {
    return this.#ms(this.#delays.percentile(share));
  }

  get leastMs(): number {
    return this.#ms(this.#delays.min);
  }

  get mostMs(): number {
    return this.#ms(this.#delays.max);
  }

  get meanMs(): number {
    return this.#ms(this.#delays.mean);
  }

  get deviationMs(): number {
    return this.#ms(this.#delays.stddev);
  }

  reset(): void {
    this.#delays.reset();
  }

  /** Of none the runtime has a least one beyond all, and no mean. */
  #ms(nanoseconds: number): number {
    return this.#delays.count === 0 ? 0 : nanoseconds / NANOSECONDS_PER_MS;
  }
}
