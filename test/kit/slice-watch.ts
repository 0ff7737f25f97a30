import { threadCpuMs } from './thread-cpu.ts';

/**
 * How long the event loop of this thread is away at a time, in CPU time of the thread: what the machine gives to others does not count,
 * so that the figure holds on a loaded one. While it watches the loop never sleeps.
 */
export class SliceWatch {
  #isOn = false;
  /** The longest by CPU time: from when to when, of `performance.now()`. */
  #longest = { fromMs: 0, toMs: 0 };
  #cpuMs = 0;
  #wallMs = 0;
  #longestCpuMs = 0;
  #longestWallMs = 0;

  start(): void {
    this.#longestCpuMs = 0;
    this.#longestWallMs = 0;
    this.#mark();
    if (this.#isOn) return;
    this.#isOn = true;
    setImmediate(() => this.#onTurn());
  }

  /** The longest turns of the loop since the start, in ms: by the thread's CPU time, and when that one was, and by the clock. */
  stop(): { readonly cpuMs: number; readonly wallMs: number; readonly fromMs: number; readonly toMs: number } {
    this.#isOn = false;
    return { cpuMs: this.#longestCpuMs, wallMs: this.#longestWallMs, ...this.#longest };
  }

  #onTurn(): void {
    if (!this.#isOn) return;
    const cpuMs = threadCpuMs() - this.#cpuMs;
    const nowMs = performance.now();
    if (cpuMs > this.#longestCpuMs) {
      this.#longestCpuMs = cpuMs;
      this.#longest = { fromMs: this.#wallMs, toMs: nowMs };
    }
    this.#longestWallMs = Math.max(this.#longestWallMs, nowMs - this.#wallMs);
    this.#mark();
    setImmediate(() => this.#onTurn());
  }

  #mark(): void {
    this.#cpuMs = threadCpuMs();
    this.#wallMs = performance.now();
  }
}
