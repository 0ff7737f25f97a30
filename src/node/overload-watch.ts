/** Tells when there is more to do than time: that new calls are refused, since when, how many, and that it is over. */
import type { NodeView } from '../api/index.ts';
import type { Log } from '../base/log.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';
import type { Engine } from '../engine/engine.ts';
import type { EventBus, Metrics } from '../observe/index.ts';

const LOOK_MS = 1_000;
/** So long after the last refusal it is over: an overload comes in waves. */
const CALM_MS = 10_000;

interface OverloadWatchOptions {
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly events: EventBus;
  readonly metrics: Metrics;
  /** New requests that were refused for want of time since the start. */
  readonly refusals: () => number;
}

/** New requests that were refused for want of time since the start. */
export function refusedForTime({ endpoint: { counters, inbox } }: Engine): number {
  return counters.overloaded + (inbox?.counters.overloaded ?? 0);
}

/** Looks once a second, so that a refusal costs no more for being told of. */
export class OverloadWatch implements TimerTarget {
  readonly #options: OverloadWatchOptions;
  #timer: Timer | undefined;
  #seen: number;
  #isOver = true;
  #refused = 0;
  #beganMs: number | undefined;
  /** Wall-clock times for those who read. */
  #sinceMs = 0;
  #untilMs = 0;
  #lastMs = 0;

  constructor(options: OverloadWatchOptions) {
    this.#options = options;
    this.#seen = options.refusals();
    options.metrics.readGauge('tandem_overloaded', '1 while new calls are refused for want of time, else 0', () =>
      this.#isOver ? 0 : 1,
    );
    this.#timer = options.scheduler.schedule(LOOK_MS, this, 0);
  }

  view(): NodeView['overload'] {
    const active = !this.#isOver;
    if (this.#beganMs === undefined) return { active, refused: 0 };
    return {
      active,
      since: new Date(this.#sinceMs).toISOString(),
      ...(active ? {} : { until: new Date(this.#untilMs).toISOString() }),
      refused: this.#refused,
    };
  }

  close(): void {
    this.#timer = cancelTimer(this.#timer);
  }

  onTimer(): void {
    const { scheduler, refusals } = this.#options;
    this.#timer = scheduler.schedule(LOOK_MS, this, 0);
    const seen = refusals();
    const refused = seen - this.#seen;
    this.#seen = seen;
    if (refused > 0) this.#goesOn(refused);
    else if (!this.#isOver && scheduler.nowMs() - this.#lastMs >= CALM_MS) this.#ends();
  }

  #goesOn(refused: number): void {
    const { scheduler, log, events } = this.#options;
    this.#lastMs = scheduler.nowMs();
    this.#untilMs = scheduler.wallMs();
    if (!this.#isOver) {
      this.#refused += refused;
      return;
    }
    this.#isOver = false;
    this.#beganMs = this.#lastMs;
    this.#sinceMs = this.#untilMs;
    this.#refused = refused;
    log.warn('overload', { state: 'began', refused });
    events.publish('overload', [], { state: 'began', refused });
  }

  #ends(): void {
    const { log, events } = this.#options;
    this.#isOver = true;
    const seconds = Math.round((this.#lastMs - (this.#beganMs ?? 0)) / 1000);
    const facts = { state: 'ended', refused: this.#refused, seconds } as const;
    log.info('overload', facts);
    events.publish('overload', [], facts);
  }
}
