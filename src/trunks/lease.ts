/** Leases that see to it that of several nodes exactly one registers a trunk. A store that nodes share implements the port. */
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';

export interface LeasePort {
  /** Takes the lease if it is free, prolongs it if it is this node's; false when another node has it. Rejects when the store cannot be asked. */
  acquire(key: string, leaseMs: number): boolean | Promise<boolean>;
  release(key: string): void;
}

/** For a node that is alone. */
export const ALWAYS_GRANTED: LeasePort = { acquire: () => true, release() {} };

export interface LeaseHolder {
  onLease(): void;
  /** Another node has it: at the first try, or since the last renewal. */
  onLeaseElsewhere(): void;
}

/** A node that crashed is replaced within this and one interval. */
export const LEASE_MS = 6_000;
const RENEW_MS = 2_000;

const ASK = 0;
const OVER = 1;

/**
 * Holds one lease: asks every 2 s until it is granted, then renews it; three renewals fit into a lease. While the store cannot be asked
 * the holder goes on until its lease has run out, since from then on another node may hold it.
 */
export class Lease implements TimerTarget {
  readonly #key: string;
  readonly #port: LeasePort;
  readonly #scheduler: Scheduler;
  readonly #holder: LeaseHolder;
  #held = false;
  #ended = false;
  /** Monotonic time at which the lease held runs out. */
  #heldUntilMs = 0;
  #timer: Timer | undefined;
  /** While the store does not answer. */
  #overTimer: Timer | undefined;

  constructor(key: string, port: LeasePort, scheduler: Scheduler, holder: LeaseHolder) {
    this.#key = key;
    this.#port = port;
    this.#scheduler = scheduler;
    this.#holder = holder;
  }

  get held(): boolean {
    return this.#held;
  }

  /** Whether it is held at this moment: a node that stood still finds out before it does anything as the holder. */
  isHeldNow(): boolean {
    if (this.#held && this.#port !== ALWAYS_GRANTED && this.#scheduler.nowMs() >= this.#heldUntilMs) this.#lost();
    return this.#held;
  }

  start(): void {
    this.#ask();
  }

  end(): void {
    this.#ended = true;
    this.#timer = cancelTimer(this.#timer);
    this.#overTimer = cancelTimer(this.#overTimer);
    if (this.#held) this.#port.release(this.#key);
    this.#held = false;
  }

  onTimer(kind: number): void {
    if (kind === OVER) {
      this.#overTimer = undefined;
      this.isHeldNow();
      return;
    }
    this.#timer = undefined;
    this.#ask();
  }

  #ask(): void {
    const askedAtMs = this.#scheduler.nowMs();
    const asked = this.#port.acquire(this.#key, LEASE_MS);
    if (!(asked instanceof Promise)) {
      this.#answered(asked, askedAtMs);
      return;
    }
    asked.then(
      (granted) => this.#answered(granted, askedAtMs),
      () => {
        const leftMs = this.#heldUntilMs - this.#scheduler.nowMs();
        const isHeld = this.#held && leftMs > 0;
        // The next try may come when another node has it already. Timers may be held while the store is away: what was to be sent
        // again before the end of the lease, and is sent with it, would be too late.
        const scheduler = this.#scheduler.unheld ?? this.#scheduler;
        if (isHeld && !this.#ended) this.#overTimer ??= scheduler.schedule(Math.ceil(leftMs) + 1, this, OVER);
        this.#answered(isHeld, undefined);
      },
    );
  }

  #lost(): void {
    this.#held = false;
    this.#holder.onLeaseElsewhere();
  }

  /** @param askedAtMs when the store was asked, from which a granted lease counts; undefined when it did not answer. */
  #answered(granted: boolean, askedAtMs: number | undefined): void {
    if (granted && askedAtMs !== undefined) {
      this.#heldUntilMs = askedAtMs + LEASE_MS;
      this.#overTimer = cancelTimer(this.#overTimer);
    }
    if (this.#ended) {
      if (granted) this.#port.release(this.#key);
      return;
    }
    this.#timer = this.#port === ALWAYS_GRANTED ? undefined : this.#scheduler.schedule(RENEW_MS, this, ASK);
    if (granted === this.#held) {
      if (!granted) this.#holder.onLeaseElsewhere();
      return;
    }
    if (!granted) {
      this.#lost();
      return;
    }
    this.#held = true;
    this.#holder.onLease();
  }
}
