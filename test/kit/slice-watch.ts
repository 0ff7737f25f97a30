import { threadCpuMs } from './thread-cpu.ts';

/**
 * How long the event loop of this thread is away at a time, in CPU time of the thread: what the machine gives to others does not count,
 * so that the figure holds on a loaded one. It looks once a turn of the loop, and lets it sleep: a loop that never did would take a
 * processor from V8's helpers, and make garbage of its own.
 */
export class SliceWatch {
  #next: NodeJS.Immediate | undefined;
  /** The longest by CPU time: from when to when, of `performance.now()`. */
  #longest = { fromMs: 0, toMs: 0 };
  #cpuMs = 0;
  #wallMs = 0;
  #longestCpuMs = 0;

  start(): void {
    this.#longestCpuMs = 0;
    this.#mark();
    clearImmediate(this.#next);
    this.#await();
  }

  /** The longest turn of the loop since the start, this one included: CPU time of the thread in ms, and when it was. */
  stop(): { readonly cpuMs: number; readonly fromMs: number; readonly toMs: number } {
    clearImmediate(this.#next);
    this.#look();
    return { cpuMs: this.#longestCpuMs, ...this.#longest };
  }

  /** Runs when a turn ends, and does not keep the loop from waiting for what makes the next one. */
  #await(): void {
    this.#next = setImmediate(() => {
      this.#look();
      this.#await();
    }).unref();
  }

  #look(): void {
    const cpuMs = threadCpuMs() - this.#cpuMs;
    if (cpuMs > this.#longestCpuMs) {
      this.#longestCpuMs = cpuMs;
      this.#longest = { fromMs: this.#wallMs, toMs: performance.now() };
    }
    this.#mark();
  }

  #mark(): void {
    this.#cpuMs = threadCpuMs();
    this.#wallMs = performance.now();
  }
}
