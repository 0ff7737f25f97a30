import { performance } from 'node:perf_hooks';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';

/** A share of one core's time, 0 to 1, since the call before. */
export type UtilizationProbe = () => number;

export interface LoadGuardOptions {
  /** Above this share of busy time new work is refused more and more. Default 0.92. */
  readonly highUtilization?: number;
  /** Busy tenths of a second in a row that are let pass before anything is refused: compiling, collecting garbage. Default 0. */
  readonly patience?: number;
  /** A sample that comes later than this finds requests that have waited as long: those are all refused. Default: never. */
  readonly maxWaitMs?: number;
  readonly probe?: UtilizationProbe;
  /** 0 up to 1; for tests. */
  readonly random?: () => number;
}

const SAMPLE_MS = 100;
const STEP_UP = 0.1;
const STEP_DOWN = 0.02;
/** Some new work is always let in: without it the guard could not see that the load has gone. */
const MAX_REFUSED = 0.95;
const MAX_RETRY_SECONDS = 10;

/**
 * Overload control: refuses a share of new requests that rises quickly while the event loop has no time left and falls slowly when it
 * has, so that what is admitted is served in time. Time in the loop is measured, not its delay: datagrams wait in the socket's buffer,
 * where no timer sees them.
 *
 * Pass `() => guard.retryAfterSeconds()` as the endpoint's `overloadSeconds`.
 */
export class LoadGuard implements TimerTarget {
  readonly #scheduler: Scheduler;
  readonly #highUtilization: number;
  readonly #probe: UtilizationProbe;
  readonly #random: () => number;
  readonly #patience: number;
  readonly #maxWaitMs: number;
  #dueMs: number;
  #hasWaited = false;
  #busySamples = 0;
  #refusedShare = 0;
  #timer: Timer | undefined;

  constructor(scheduler: Scheduler, options: LoadGuardOptions = {}) {
    this.#scheduler = scheduler;
    this.#highUtilization = options.highUtilization ?? 0.92;
    this.#probe = options.probe ?? threadProbe();
    this.#random = options.random ?? Math.random;
    this.#patience = options.patience ?? 0;
    this.#maxWaitMs = options.maxWaitMs ?? Number.POSITIVE_INFINITY;
    this.#dueMs = scheduler.nowMs() + SAMPLE_MS;
    this.#timer = scheduler.schedule(SAMPLE_MS, this, 0);
  }

  /** The share of new requests that is refused now; for metrics. */
  get refusedShare(): number {
    return this.#refusedShare;
  }

  /** Undefined: let it in. Else when to come back: spread, so that those refused together do not return together (RFC 3261 §21.5.4). */
  retryAfterSeconds(): number | undefined {
    if (!this.#hasWaited && (this.#refusedShare === 0 || this.#random() >= this.#refusedShare)) return undefined;
    return 1 + Math.floor(this.#random() * MAX_RETRY_SECONDS);
  }

  stop(): void {
    this.#timer = cancelTimer(this.#timer);
  }

  onTimer(): void {
    const nowMs = this.#scheduler.nowMs();
    // What the sockets held meanwhile is read until the next sample: whoever sent it has sent it again, or given up.
    this.#hasWaited = nowMs - this.#dueMs > this.#maxWaitMs;
    this.#dueMs = nowMs + SAMPLE_MS;
    const busy = this.#probe() > this.#highUtilization;
    this.#busySamples = busy ? this.#busySamples + 1 : 0;
    const refuses = busy && (this.#refusedShare > 0 || this.#busySamples > this.#patience);
    const share = refuses ? this.#refusedShare + STEP_UP : this.#refusedShare - STEP_DOWN;
    this.#refusedShare = Math.min(Math.max(share, 0), MAX_REFUSED);
    this.#timer = this.#scheduler.schedule(SAMPLE_MS, this, 0);
  }
}

/**
 * The share of time that this thread itself computed. A loop that is never idle because other processes take the machine's time is no
 * overload of ours: what is admitted would be served as late after a refusal as before.
 */
function threadProbe(): UtilizationProbe {
  let lastLoop = performance.eventLoopUtilization();
  let lastCpu = process.threadCpuUsage();
  let lastMs = performance.now();
  return () => {
    const loop = performance.eventLoopUtilization();
    const cpu = process.threadCpuUsage();
    const nowMs = performance.now();
    const { utilization } = performance.eventLoopUtilization(loop, lastLoop);
    const computedMs = (cpu.user + cpu.system - lastCpu.user - lastCpu.system) / 1000;
    const share = nowMs > lastMs ? computedMs / (nowMs - lastMs) : 0;
    lastLoop = loop;
    lastCpu = cpu;
    lastMs = nowMs;
    return Math.min(utilization, share);
  };
}
