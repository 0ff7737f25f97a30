import type { Scheduler, Timer, TimerTarget } from '../base/scheduler.ts';
import type { HostPort } from '../sip/transport/index.ts';
import { Exchange, type ExchangeUser } from './exchange.ts';
import type { PacedUser } from './pacer.ts';
import type { RegisterSeries } from './register-series.ts';
import type { RegistrarAsked } from './registrar-redirection.ts';
import type { TurnPorts } from './registration-turn.ts';
import { ownAddress, sendOptions } from './trunk-requests.ts';

const END_TIMEOUT_MS = 4_000;

export interface FarewellOptions {
  readonly ports: Pick<TurnPorts, 'endpoint' | 'pacer' | 'digest'> & { readonly scheduler: Scheduler };
  readonly series: RegisterSeries;
  /** The server that has the registration. */
  readonly asked: RegistrarAsked;
  /** Whose Contact is taken away; default: ours. */
  readonly at?: HostPort;
  /** Called once, whatever comes of it, after 4 s at most. */
  readonly done: () => void;
}

/** The last REGISTER of a registration, which takes its Contact away. Sent when the provider's pace allows it, and once. */
export class Farewell implements PacedUser, ExchangeUser, TimerTarget {
  readonly owner: string;
  readonly #options: FarewellOptions;
  #timer: Timer | undefined;
  #exchange: Exchange | undefined;
  #hasTurn = false;

  constructor(options: FarewellOptions) {
    this.owner = options.series.trunk.owner;
    this.#options = options;
  }

  start(): void {
    const { scheduler, pacer } = this.#options.ports;
    this.#timer = scheduler.schedule(END_TIMEOUT_MS, this, 0);
    pacer.ask(this, true);
  }

  onTurn(): void {
    const { ports, series, asked, at } = this.#options;
    const { endpoint, digest, pacer } = ports;
    const { trunk } = series;
    const { to } = asked;
    this.#hasTurn = true;
    const own = ownAddress(trunk, endpoint, to);
    if (own === undefined) {
      this.#over();
      return;
    }
    this.#exchange = new Exchange({
      endpoint,
      to,
      digest: digest(),
      build: () => series.next(at ?? own, asked, 0),
      send: { ...sendOptions(trunk, endpoint, to), transactionTimeoutMs: END_TIMEOUT_MS },
      user: this,
      onResend: () => pacer.charge(),
    });
    this.#exchange.start();
  }

  onAnswer(): void {
    this.#over();
  }

  onSilence(): void {
    this.#over();
  }

  onTimer(): void {
    this.#over();
  }

  #over(): void {
    const { ports, done } = this.#options;
    this.#timer?.cancel();
    this.#exchange?.abandon();
    ports.pacer.withdraw(this);
    if (this.#hasTurn) ports.pacer.done(true);
    done();
  }
}
