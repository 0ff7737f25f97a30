/**
 * How long the event loop of this thread is away at a time, in CPU time of the thread: what the machine gives to others does not count,
 * so that the figure holds on a loaded one. While it watches the loop never sleeps.
 */
export class SliceWatch {
  #isOn = false;
  #cpuUs = 0;
  #wallMs = 0;
  #longestCpuUs = 0;
  #longestWallMs = 0;

  start(): void {
    this.#longestCpuUs = 0;
    this.#longestWallMs = 0;
    this.#mark();
    if (this.#isOn) return;
    this.#isOn = true;
    setImmediate(() => this.#onTurn());
  }

  /** The longest turns of the loop since the start, in ms: by the thread's CPU time, and by the clock. */
  stop(): { readonly cpuMs: number; readonly wallMs: number } {
    this.#isOn = false;
    return { cpuMs: this.#longestCpuUs / 1000, wallMs: this.#longestWallMs };
  }

  #onTurn(): void {
    if (!this.#isOn) return;
    this.#longestCpuUs = Math.max(this.#longestCpuUs, cpuUs() - this.#cpuUs);
    this.#longestWallMs = Math.max(this.#longestWallMs, performance.now() - this.#wallMs);
    this.#mark();
    setImmediate(() => this.#onTurn());
  }

  #mark(): void {
    this.#cpuUs = cpuUs();
    this.#wallMs = performance.now();
  }
}

const CLOCK_THREAD_CPUTIME_ID = 3;

/**
 * CPU time of this thread in microseconds. The kernel's clock where it can be had: what `threadCpuUsage` gives of a thread that is running
 * is brought up to date by the kernel's tick, every 1 to 10 ms, so that the longest of many turns is that much too long.
 */
const cpuUs = threadClock() ?? threadUsage;

function threadClock(): (() => number) | undefined {
  const ffi = process.getBuiltinModule('node:ffi') as typeof import('node:ffi') | undefined;
  if (ffi === undefined || process.platform !== 'linux') return undefined;
  // Its functions end with it.
  const libc = ffi.dlopen(null, { clock_gettime: { return: 'i32', arguments: ['i32', 'pointer'] } } as const);
  const time = new BigInt64Array(2);
  const pointer = ffi.getRawPointer(time.buffer);
  return () => {
    libc.functions.clock_gettime(CLOCK_THREAD_CPUTIME_ID, pointer);
    return Number(time[0]) * 1e6 + Number(time[1]) / 1e3;
  };
}

function threadUsage(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}
