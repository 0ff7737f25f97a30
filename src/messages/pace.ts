/** How fast a number may send: what the Cloud API asks to wait for is waited for, for the number as a whole or for one user. */
import type { Clock } from '../base/scheduler.ts';

const MAX_USERS = 10_000;

export class NumberPace {
  readonly #clock: Clock;
  readonly #numbers = new Map<string, number>();
  readonly #users = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  hold(trunkId: string, peer: string | undefined, forMs: number): void {
    const untilMs = this.#clock.nowMs() + forMs;
    if (peer === undefined) this.#numbers.set(trunkId, untilMs);
    else {
      if (this.#users.size >= MAX_USERS) this.#forgetOver();
      this.#users.set(`${trunkId} ${peer}`, untilMs);
    }
  }

  /** How long nothing may be sent to this user, ms; 0: it may. */
  waitMs(trunkId: string, peer: string): number {
    const nowMs = this.#clock.nowMs();
    const untilMs = Math.max(this.#numbers.get(trunkId) ?? 0, this.#users.get(`${trunkId} ${peer}`) ?? 0);
    return Math.max(0, untilMs - nowMs);
  }

  #forgetOver(): void {
    const nowMs = this.#clock.nowMs();
    for (const [key, untilMs] of this.#users) if (untilMs <= nowMs) this.#users.delete(key);
    if (this.#users.size >= MAX_USERS) this.#users.clear();
  }
}
