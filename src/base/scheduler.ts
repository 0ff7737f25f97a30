/**
 * Time as the protocol core sees it: it reads a monotonic clock and asks to be called back; it owns no timer of its own.
 * The engine runs on `wheel-scheduler.ts`; tests run on a virtual scheduler, hours in milliseconds.
 */
export interface Clock {
  /** Monotonic time in milliseconds; every timer and timeout is computed from this one. */
  nowMs(): number;
  /** Wall-clock time in milliseconds since the Unix epoch; for Date headers, records and expiry that must survive a restart. */
  wallMs(): number;
}

/** Receives a timer. `kind` tells the target's timers apart, so that no closure is made per timer. */
export interface TimerTarget {
  onTimer(kind: number): void;
  /** `onTimer` has thrown: ends what it was about, and tells of it; throws it again where it ends nothing. Default: it ends nothing. */
  onFault?(error: unknown): void;
}

/** An armed timer. Cancelling one that has fired or was cancelled is harmless. */
export interface Timer {
  cancel(): void;
}

export interface Scheduler extends Clock {
  /** Calls `target.onTimer(kind)` once, `delayMs` milliseconds from now (0 or less: on the next turn, never at once). */
  schedule(delayMs: number, target: TimerTarget, kind: number): Timer;
  /** From now on nothing that is due fires while `isHeld`; what is returned fires it. Absent: where nobody ever holds it. */
  holdWhile?(isHeld: () => boolean): () => void;
  /** Timers that fire while the others are held: for whoever finds out how long they are to be. Absent: where nobody ever holds any. */
  readonly unheld?: Pick<Scheduler, 'schedule'>;
}

/** Cancels a timer slot if it is armed; returns undefined so that the slot can be cleared in the same statement. */
export function cancelTimer(timer: Timer | undefined): undefined {
  timer?.cancel();
  return undefined;
}

/** Resolves after so many ms. */
export function pause(scheduler: Scheduler, ms: number): Promise<void> {
  return new Promise((resolve) => scheduler.schedule(ms, { onTimer: () => resolve() }, 0));
}
