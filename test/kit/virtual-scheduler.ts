import type { Scheduler, Timer, TimerTarget } from '../../src/base/scheduler.ts';

class Armed implements Timer {
  readonly dueMs: number;
  readonly sequence: number;
  /** Undefined once fired or cancelled: a cancelled timer keeps nothing alive. */
  target: TimerTarget | undefined;
  readonly kind: number;
  readonly #counts: { cancelled: number };

  constructor(dueMs: number, sequence: number, target: TimerTarget, kind: number, counts: { cancelled: number }) {
    this.dueMs = dueMs;
    this.sequence = sequence;
    this.target = target;
    this.kind = kind;
    this.#counts = counts;
  }

  cancel(): void {
    if (this.target === undefined) return;
    this.target = undefined;
    this.#counts.cancelled++;
  }
}

/** Virtual time: nothing happens until a test advances it; timers fire in order of due time, then of arming. */
export class VirtualScheduler implements Scheduler {
  /** How late the next timer that is armed goes off, and the ones after it. */
  lateMs = 0;
  #startWallMs: number;
  #nowMs = 0;
  #sequence = 0;
  /** A binary heap ordered by due time, then by arming order. */
  #heap: Armed[] = [];
  /** Of those in the heap. */
  readonly #counts = { cancelled: 0 };

  constructor(startWallMs = Date.UTC(2026, 10, 1)) {
    this.#startWallMs = startWallMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#startWallMs + this.#nowMs;
  }

  /** Somebody sets the clock on the wall. */
  shiftWall(ms: number): void {
    this.#startWallMs += ms;
  }

  /** Timers armed now. */
  get armedCount(): number {
    return this.#heap.length - this.#counts.cancelled;
  }

  schedule(delayMs: number, target: TimerTarget, kind: number): Timer {
    const dueMs = this.#nowMs + Math.max(delayMs, 0) + this.lateMs;
    const armed = new Armed(dueMs, this.#sequence++, target, kind, this.#counts);
    this.#push(armed);
    return armed;
  }

  /** Calls `callback` after `delayMs`; for test code, which may use closures. */
  after(delayMs: number, callback: () => void): Timer {
    return this.schedule(delayMs, { onTimer: callback }, 0);
  }

  /** Runs everything due in the next `durationMs` and leaves the clock there. */
  advance(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    for (let head = this.#peek(); head !== undefined && head.dueMs <= untilMs; head = this.#peek()) this.#fire(head);
    this.#nowMs = untilMs;
  }

  /** Runs until no timer is armed, or until `limitMs` of virtual time from now have passed. */
  runUntilIdle(limitMs = 24 * 3600 * 1000): void {
    const untilMs = this.#nowMs + limitMs;
    for (let head = this.#peek(); head !== undefined && head.dueMs <= untilMs; head = this.#peek()) this.#fire(head);
  }

  #fire(armed: Armed): void {
    this.#pop();
    this.#nowMs = Math.max(this.#nowMs, armed.dueMs);
    const { target } = armed;
    armed.target = undefined;
    try {
      target?.onTimer(armed.kind);
    } catch (error) {
      // As on the wheel; what ends nothing is the test's to hear of.
      if (target?.onFault === undefined) throw error;
      target.onFault(error);
    }
  }

  #peek(): Armed | undefined {
    while (this.#heap[0] !== undefined && this.#heap[0].target === undefined) {
      this.#pop();
      this.#counts.cancelled--;
    }
    return this.#heap[0];
  }

  #before(a: Armed, b: Armed): boolean {
    return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence);
  }

  #push(armed: Armed): void {
    const heap = this.#heap;
    let index = heap.push(armed) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#before(heap[parent] as Armed, armed)) break;
      heap[index] = heap[parent] as Armed;
      index = parent;
    }
    heap[index] = armed;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1] as Armed, heap[child] as Armed)) child++;
      if (!this.#before(heap[child] as Armed, last)) break;
      heap[index] = heap[child] as Armed;
      index = child;
    }
    heap[index] = last;
  }
}
