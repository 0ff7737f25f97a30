const CLOCK_THREAD_CPUTIME_ID = 3;

/**
 * CPU time of this thread in milliseconds: what the machine gives to others does not count. The kernel's clock where it can be had: what
 * `threadCpuUsage` gives of a thread that is running is brought up to date by the kernel's tick, every 1 to 10 ms.
 */
export const threadCpuMs = threadClock() ?? threadUsage;

/**
 * The least CPU time of this thread, in milliseconds, that `work` takes in five tries; the first under `enoughMs` will do. A collection of
 * garbage, a compilation, or a machine that is slow for a moment may fall into any one of them, not into all.
 */
export function leastCpuMs(enoughMs: number, work: () => void): number {
  let leastMs = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 5 && leastMs >= enoughMs; tries++) {
    const beganMs = threadCpuMs();
    work();
    leastMs = Math.min(leastMs, threadCpuMs() - beganMs);
  }
  return leastMs;
}

function threadClock(): (() => number) | undefined {
  const ffi = process.getBuiltinModule('node:ffi') as typeof import('node:ffi') | undefined;
  if (ffi === undefined || process.platform !== 'linux') return undefined;
  // Its functions end with it.
  const libc = ffi.dlopen(null, { clock_gettime: { return: 'i32', arguments: ['i32', 'pointer'] } } as const);
  const time = new BigInt64Array(2);
  const pointer = ffi.getRawPointer(time.buffer);
  return () => {
    libc.functions.clock_gettime(CLOCK_THREAD_CPUTIME_ID, pointer);
    return Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
  };
}

function threadUsage(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
