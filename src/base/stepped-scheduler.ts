import type { Clock, Scheduler, Timer, TimerTarget } from './scheduler.ts';

interface Armed {
  readonly dueMs: number;
  readonly target: TimerTarget;
  readonly kind: number;
}

/** Time that goes on from one timer to the next when it is told to: for what is only thought through. It begins at the time of `clock`. */
export class SteppedScheduler implements Scheduler {
  readonly #nowMs: number;
  readonly #wallMs: number;
  #elapsedMs = 0;
  readonly #armed = new Set<Armed>();

  constructor(clock: Clock) {
    this.#nowMs = clock.nowMs();
    this.#wallMs = clock.wallMs();
  }

  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  nowMs(): number {
    return this.#nowMs + this.#elapsedMs;
  }

  wallMs(): number {
    return this.#wallMs + this.#elapsedMs;
  }

  schedule(delayMs: number, target: TimerTarget, kind: number): Timer {
    const armed: Armed = { dueMs: this.#elapsedMs + Math.max(delayMs, 0), target, kind };
    this.#armed.add(armed);
    return { cancel: () => void this.#armed.delete(armed) };
  }

  /** Goes on to the timer that is due next and fires it; of several, the one that was armed first. False when there is none. */
  step(): boolean {
    let next: Armed | undefined;
    for (const armed of this.#armed) if (next === undefined || armed.dueMs < next.dueMs) next = armed;
    if (next === undefined) return false;
    this.#armed.delete(next);
    this.#elapsedMs = next.dueMs;
    next.target.onTimer(next.kind);
    return true;
  }
}
