import type { Scheduler, Timer, TimerTarget } from '../base/scheduler.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { SipRequest } from '../sip/message/index.ts';
import type { Flow, HostPort, Target } from '../sip/transport/index.ts';
import { Exchange, type ExchangeUser } from './exchange.ts';
import type { PacedUser } from './pacer.ts';
import type { TurnPorts } from './registration-turn.ts';
import { ownAddress, sendOptions } from './trunk-requests.ts';

const END_TIMEOUT_MS = 4_000;

export interface FarewellOptions {
  readonly ports: Pick<TurnPorts, 'endpoint' | 'pacer' | 'digest'> & { readonly scheduler: Scheduler };
  readonly trunk: Trunk;
  /** The server that has the registration. */
  readonly to: Flow | Target;
  /** Makes the REGISTER that removes the Contact. */
  readonly request: (own: HostPort) => SipRequest;
  /** Called once, whatever comes of it, after 4 s at most. */
  readonly done: () => void;
}

/** The last REGISTER of a registration, which takes its Contact away. Sent when the provider's pace allows it, and once. */
export class Farewell implements PacedUser, ExchangeUser, TimerTarget {
  readonly #options: FarewellOptions;
  #timer: Timer | undefined;
  #exchange: Exchange | undefined;
  #hasTurn = false;

  constructor(options: FarewellOptions) {
    this.#options = options;
  }

  start(): void {
    const { scheduler, pacer } = this.#options.ports;
    this.#timer = scheduler.schedule(END_TIMEOUT_MS, this, 0);
    pacer.ask(this, true);
  }

  onTurn(): void {
    const { ports, trunk, to, request } = this.#options;
    const { endpoint, digest, pacer } = ports;
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
      build: () => request(own),
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
