import type { Scheduler, Timer, TimerTarget } from './scheduler.ts';

/**
 * A hashed timer wheel. SIP arms several timers per transaction and cancels nearly all of them, so arming and cancelling are O(1)
 * list operations on pooled-size nodes, and one runtime timer drives them all.
 *
 * Rules it keeps: a timer never fires early; it fires at most one tick (10 ms) late when the event loop is free, one of four seconds
 * or more at most 100 ms; callbacks run outside the wheel's own bookkeeping, so they may arm and cancel freely; after a stalled event
 * loop every due timer fires, in order of its due tick; the runtime timer sleeps until something is due, since waking costs more than
 * what there is to do, and never keeps the process alive by itself.
 */
const TICK_MS = 10;
const SLOT_COUNT = 4096;
const SLOT_MASK = SLOT_COUNT - 1;
/** Long timers are gathered on every tenth tick: transactions end by the thousand, and one wake-up serves many. */
const LONG_MS = 4000;
const LONG_TICKS = 10;
/** The wheel looks ahead so far for something due, and wakes then at the latest. */
const LOOK_AHEAD_TICKS = 100;

class WheelTimer implements Timer {
  readonly dueTick: number;
  readonly kind: number;
  target: TimerTarget | undefined;
  wheel: WheelScheduler | undefined;
  previous: WheelTimer | undefined = undefined;
  next: WheelTimer | undefined = undefined;

  constructor(wheel: WheelScheduler, dueTick: number, target: TimerTarget, kind: number) {
    this.wheel = wheel;
    this.dueTick = dueTick;
    this.target = target;
    this.kind = kind;
  }

  cancel(): void {
    this.wheel?.remove(this);
  }
}

export interface WheelSchedulerOptions {
  /**
   * Called when a timer's target throws and ends nothing itself: a bug in one target costs that timer only. Default: rethrow on the next
   * turn, since the wheel has no log: whoever runs the process says what becomes of that.
   */
  readonly onError?: (error: unknown) => void;
  /** The clock it runs on; default: the runtime's monotonic one. */
  readonly monotonicMs?: () => number;
}

export class WheelScheduler implements Scheduler {
  #slots: (WheelTimer | undefined)[] = new Array(SLOT_COUNT).fill(undefined);
  readonly #monotonicMs: () => number;
  readonly #originMs: number;
  /** How far its time is ahead of the clock. */
  #aheadMs = 0;
  #currentTick = 0;
  #armed = 0;
  /** Set while something is armed. */
  #timeout: NodeJS.Timeout | undefined = undefined;
  /** The tick at which the runtime timer goes off. */
  #wakeTick = 0;
  readonly #onError: (error: unknown) => void;
  #isHeld: (() => boolean) | undefined = undefined;
  readonly #onWake = () => this.fireDue();
  readonly unheld = {
    schedule: (delayMs: number, target: TimerTarget, kind: number): Timer => {
      const timeout = setTimeout(() => this.#call(target, kind), delayMs);
      timeout.unref();
      return { cancel: () => clearTimeout(timeout) };
    },
  };

  constructor(options: WheelSchedulerOptions = {}) {
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#originMs = this.nowMs();
    this.#onError =
      options.onError ??
      ((error) => {
        queueMicrotask(() => {
          throw error;
        });
      });
  }

  nowMs(): number {
    return this.#monotonicMs() + this.#aheadMs;
  }

  wallMs(): number {
    return Date.now();
  }

  /** Timers armed now; 0 when the engine is idle. */
  get armedCount(): number {
    return this.#armed;
  }

  schedule(delayMs: number, target: TimerTarget, kind: number): Timer {
    const elapsedMs = this.nowMs() - this.#originMs;
    if (this.#armed === 0) this.#currentTick = Math.floor(elapsedMs / TICK_MS);
    const exactTick = Math.max(Math.ceil((elapsedMs + Math.max(delayMs, 0)) / TICK_MS), this.#currentTick + 1);
    const dueTick = delayMs < LONG_MS ? exactTick : Math.ceil(exactTick / LONG_TICKS) * LONG_TICKS;
    const timer = new WheelTimer(this, dueTick, target, kind);
    const slot = dueTick & SLOT_MASK;
    const head = this.#slots[slot];
    timer.next = head;
    if (head !== undefined) head.previous = timer;
    this.#slots[slot] = timer;
    this.#armed++;
    if (this.#timeout === undefined || dueTick < this.#wakeTick) this.#wakeAt(this.#nextTick(dueTick), elapsedMs);
    return timer;
  }

  /** Takes a timer out of its slot; called by the timer's own `cancel`. */
  remove(timer: WheelTimer): void {
    if (timer.wheel === undefined) return;
    const { previous, next } = timer;
    if (previous !== undefined) previous.next = next;
    else this.#slots[timer.dueTick & SLOT_MASK] = next;
    if (next !== undefined) next.previous = previous;
    timer.previous = undefined;
    timer.next = undefined;
    timer.wheel = undefined;
    timer.target = undefined;
    this.#armed--;
  }

  holdWhile(isHeld: () => boolean): () => void {
    this.#isHeld = isHeld;
    return () => this.fireDue();
  }

  /** Stops the runtime timer; armed timers never fire. */
  close(): void {
    this.#sleep();
    this.#slots = new Array(SLOT_COUNT).fill(undefined);
    this.#armed = 0;
  }

  /** So much time has passed at once: what is due by then fires. For whoever plays through what would take long. */
  advance(ms: number): void {
    this.#aheadMs += ms;
    this.fireDue();
  }

  /** Fires what is due; the runtime timer calls it. */
  fireDue(): void {
    if (this.#isHeld?.() === true) {
      this.#sleep();
      return;
    }
    const nowTick = Math.floor((this.nowMs() - this.#originMs) / TICK_MS);
    while (this.#currentTick < nowTick && this.#armed > 0) {
      this.#currentTick++;
      this.#fireSlot(this.#currentTick);
    }
    this.#currentTick = nowTick;
    if (this.#armed === 0) this.#sleep();
    else this.#wakeAt(this.#nextTick(nowTick + LOOK_AHEAD_TICKS), this.nowMs() - this.#originMs);
  }

  /** The first tick up to `latest` at which something may be due. */
  #nextTick(latest: number): number {
    const limit = Math.min(latest, this.#currentTick + LOOK_AHEAD_TICKS);
    let tick = this.#currentTick + 1;
    while (tick < limit && this.#slots[tick & SLOT_MASK] === undefined) tick++;
    return tick;
  }

  #wakeAt(tick: number, elapsedMs: number): void {
    clearTimeout(this.#timeout);
    this.#wakeTick = tick;
    this.#timeout = setTimeout(this.#onWake, Math.max(Math.ceil(tick * TICK_MS - elapsedMs), 1));
    this.#timeout.unref();
  }

  #sleep(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
  }

  #fireSlot(tick: number): void {
    const due: WheelTimer[] = [];
    for (let timer = this.#slots[tick & SLOT_MASK]; timer !== undefined; timer = timer.next) {
      if (timer.dueTick <= tick) due.push(timer);
    }
    // The list is last-in first-out; timers of one tick fire in the order they were armed.
    for (let index = due.length - 1; index >= 0; index--) this.#fire(due[index] as WheelTimer);
  }

  #fire(timer: WheelTimer): void {
    const { target, kind } = timer;
    if (target === undefined) return;
    this.remove(timer);
    this.#call(target, kind);
  }

  #call(target: TimerTarget, kind: number): void {
    try {
      target.onTimer(kind);
    } catch (error) {
      this.#onFault(target, error);
    }
  }

  #onFault(target: TimerTarget, error: unknown): void {
    try {
      if (target.onFault === undefined) throw error;
      target.onFault(error);
    } catch (unended) {
      this.#onError(unended);
    }
  }
}
