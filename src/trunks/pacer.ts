/**
 * Turns for the registrations toward one provider, so that a thousand trunks do not come at once.
 *
 * Two limits: messages per second, and turns in progress. The second one shrinks while nobody answers and grows with every answer,
 * so that a dead provider sees few requests and their retransmissions, however many trunks wait. The owners of trunks come in turn, so that
 * one who has many, or whose requests alone are not answered, waits for itself; an owner's refreshes go before its first tries, since they
 * have something to lose. A provider that grants short times gets the rate that its own refreshes need.
 */
import { OwnersInTurn } from '../base/owners-in-turn.ts';
import type { Scheduler, Timer, TimerTarget } from '../base/scheduler.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import { providerKey } from './hops.ts';

export interface PacedUser {
  /** Whose trunk it is. */
  readonly owner: string;
  /** It is this one's turn: one message may be sent now. Ends with {@link Pacer.done}. */
  onTurn(): void;
}

export interface PacerOptions {
  /** Messages per second. Default 50. */
  readonly perSecond?: number;
  /** Turns in progress. Default 64. */
  readonly window?: number;
}

/** What may be sent in one burst. */
const BURST_SECONDS = 0.1;
/** Room above what refreshes alone need: challenges and repeats. */
const DEMAND_HEADROOM = 3;
const MIN_WINDOW = 2;

export class Pacer implements TimerTarget {
  readonly #scheduler: Scheduler;
  readonly #perSecond: number;
  readonly #maxWindow: number;
  readonly #waiting = new OwnersInTurn<PacedUser>();
  readonly #demands = new Map<PacedUser, number>();
  #demand = 0;
  #window: number;
  #inProgress = 0;
  #tokens: number;
  #filledMs: number;
  #timer: Timer | undefined;

  constructor(scheduler: Scheduler, options: PacerOptions = {}) {
    this.#scheduler = scheduler;
    this.#perSecond = options.perSecond ?? 50;
    this.#maxWindow = options.window ?? 64;
    this.#window = this.#maxWindow;
    this.#tokens = this.#depth();
    this.#filledMs = scheduler.nowMs();
  }

  /** Waits for a turn; who waits already keeps its place, unless it became urgent or ceased to be. */
  ask(user: PacedUser, urgent: boolean): void {
    this.#waiting.add(user.owner, user, urgent);
    this.#serve();
  }

  withdraw(user: PacedUser): void {
    this.#waiting.delete(user.owner, user);
  }

  /** A further message in a turn, e.g. the answer to a challenge: it does not wait, those after it do. */
  charge(): void {
    this.#fill();
    this.#tokens--;
  }

  /** A turn is over. */
  done(answered: boolean): void {
    this.#inProgress = Math.max(0, this.#inProgress - 1);
    this.#window = answered ? Math.min(this.#maxWindow, this.#window + 1) : Math.max(MIN_WINDOW, this.#window / 2);
    this.#serve();
  }

  /** How many messages per second a user will need for its refreshes; 0 when it has none. */
  setDemand(user: PacedUser, perSecond: number): void {
    this.#demand += perSecond - (this.#demands.get(user) ?? 0);
    if (perSecond > 0) this.#demands.set(user, perSecond);
    else this.#demands.delete(user);
    if (this.#demands.size === 0) this.#demand = 0;
  }

  onTimer(): void {
    this.#timer = undefined;
    this.#serve();
  }

  #rate(): number {
    return Math.max(this.#perSecond, this.#demand * DEMAND_HEADROOM);
  }

  #depth(): number {
    return Math.max(1, this.#rate() * BURST_SECONDS);
  }

  #fill(): void {
    const nowMs = this.#scheduler.nowMs();
    this.#tokens = Math.min(this.#depth(), this.#tokens + ((nowMs - this.#filledMs) * this.#rate()) / 1000);
    this.#filledMs = nowMs;
  }

  #serve(): void {
    this.#fill();
    while (this.#inProgress < this.#window && !this.#waiting.isEmpty) {
      if (this.#tokens < 1) {
        this.#timer ??= this.#scheduler.schedule(Math.ceil(((1 - this.#tokens) * 1000) / this.#rate()), this, 0);
        return;
      }
      this.#tokens--;
      this.#inProgress++;
      this.#waiting.take()?.onTurn();
    }
  }
}

/** One pacer for each provider that trunks register with. */
export class ProviderPacers {
  readonly #scheduler: Scheduler;
  readonly #options: PacerOptions | undefined;
  readonly #pacers = new Map<string, Pacer>();

  constructor(scheduler: Scheduler, options?: PacerOptions) {
    this.#scheduler = scheduler;
    this.#options = options;
  }

  of(trunk: Trunk): Pacer {
    const key = providerKey(trunk);
    let pacer = this.#pacers.get(key);
    if (pacer === undefined) {
      pacer = new Pacer(this.#scheduler, this.#options);
      this.#pacers.set(key, pacer);
    }
    return pacer;
  }

  /** Whether both are paced as one. */
  areSame(trunk: Trunk, other: Trunk): boolean {
    return providerKey(trunk) === providerKey(other);
  }

  /** Those of all other trunks' providers are forgotten. */
  keep(trunks: Iterable<Trunk>): void {
    const inUse = new Set<string>();
    for (const trunk of trunks) inUse.add(providerKey(trunk));
    for (const key of this.#pacers.keys()) if (!inUse.has(key)) this.#pacers.delete(key);
  }
}
