/**
 * What is being done about a registration, from one time that it is due to the next:
 *
 * ```
 *  due ──time──▶ locating ──targets──▶ queued ──the provider's pace──▶ asking ──the turn ends──▶ due
 * ```
 *
 * One REGISTER at a time, with what its answers make necessary (registration-turn.ts). Whoever hears how a turn ended says when it is due again,
 * or puts it to rest.
 */
import type { Scheduler, Timer, TimerTarget } from '../base/scheduler.ts';
import { whenLocated } from './hops.ts';
import type { PacedUser } from './pacer.ts';
import { RegistrationTurn, type TurnPorts, type TurnUser } from './registration-turn.ts';

export interface WorkPorts extends TurnPorts {
  readonly scheduler: Scheduler;
}

export interface WorkUser extends TurnUser {
  /** What the provider has granted and may be lost; undefined: nothing. */
  readonly grant: object | undefined;
  /** Whether this node is still to register the trunk; asked before anything is sent. */
  isLeasedNow(): boolean;
}

type Step =
  | { readonly kind: 'resting' | 'locating' }
  | { readonly kind: 'due'; readonly timer: Timer }
  | { readonly kind: 'queued' | 'asking'; readonly turn: RegistrationTurn };

const RESTING: Step = { kind: 'resting' };

export class RegistrationWork implements TimerTarget, PacedUser {
  readonly owner: string;
  readonly #user: WorkUser;
  readonly #ports: WorkPorts;
  #step: Step = RESTING;

  constructor(user: WorkUser, ports: WorkPorts) {
    this.owner = user.series.trunk.owner;
    this.#user = user;
    this.#ports = ports;
  }

  /** The turn that waits for the provider's pace, or is under way. */
  get turn(): RegistrationTurn | undefined {
    return 'turn' in this.#step ? this.#step.turn : undefined;
  }

  get isAsking(): boolean {
    return this.#step.kind === 'asking';
  }

  /** The provider has registered us, and is asked again each time after so long. */
  refreshIn(delayMs: number): void {
    this.dueIn(delayMs);
    this.#ports.pacer.setDemand(this, 1000 / delayMs);
  }

  /** @param answered false: the turn that ends with this has met silence */
  dueIn(delayMs: number, answered = true): void {
    this.#stop(answered);
    this.#step = { kind: 'due', timer: this.#ports.scheduler.schedule(delayMs, this, 0) };
  }

  /** Stops whatever is being done, and asks for no more of the provider's time. */
  rest(): void {
    this.#stop(true);
    this.#ports.pacer.setDemand(this, 0);
  }

  /** What the provider had granted is lost: one that is queued has nothing to hurry for any more. */
  lapsed(): void {
    if (this.#step.kind === 'queued') this.#ask();
  }

  onTimer(): void {
    if (this.#user.isLeasedNow()) this.#locate();
  }

  onTurn(): void {
    if (this.#step.kind !== 'queued') return;
    const { turn } = this.#step;
    this.#step = { kind: 'asking', turn };
    try {
      if (this.#user.isLeasedNow()) turn.begin();
    } catch (error) {
      this.onFault(error);
    }
  }

  onFault(error: unknown): void {
    this.#user.onFault(error);
  }

  #stop(answered: boolean): void {
    const step = this.#step;
    this.#step = RESTING;
    if (step.kind === 'due') step.timer.cancel();
    if (step.kind === 'queued') this.#ports.pacer.withdraw(this);
    if (step.kind !== 'asking') return;
    step.turn.abandon();
    this.#ports.pacer.done(answered);
  }

  #ask(): void {
    this.#ports.pacer.ask(this, this.#user.grant !== undefined);
  }

  #locate(): void {
    const step: Step = { kind: 'locating' };
    this.#step = step;
    whenLocated(
      () => this.#ports.locate(),
      (targets) => {
        if (this.#step !== step) return;
        this.#step = { kind: 'queued', turn: new RegistrationTurn(this.#user, this.#ports, targets) };
        this.#ask();
      },
      ({ message: reason }) => {
        if (this.#step === step) this.#user.onFailed({ reason });
      },
    );
  }
}
