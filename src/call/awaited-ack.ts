import { cancelTimer, type Timer, type TimerTarget } from '../base/scheduler.ts';
import type { SipRequest } from '../sip/message/index.ts';
import type { Leg } from './leg.ts';
import type { PendingInvite } from './leg-invites.ts';
import type { ServerTransaction, ServerTransactionUser } from './ports.ts';

/**
 * A re-INVITE, or an UPDATE with an offer, that came while the other party still owes the ACK to its own INVITE: the sender's ACK was
 * given at once, the other party's has a way to go. It waits a few seconds at most; then it is the glare that it would have been.
 */
export class AwaitedAck implements PendingInvite<Leg>, ServerTransactionUser, TimerTarget {
  readonly #from: Leg;
  readonly #to: Leg;
  readonly #transaction: ServerTransaction;
  readonly #isInvite: boolean;
  readonly #go: () => void;
  #timer: Timer | undefined = undefined;

  /** `go` serves the request once the ACK of `to` is there. */
  constructor(from: Leg, to: Leg, transaction: ServerTransaction, method: string, go: () => void) {
    this.#from = from;
    this.#to = to;
    this.#transaction = transaction;
    this.#isInvite = method === 'INVITE';
    this.#go = go;
  }

  start(): void {
    const { scheduler, timers } = this.#from.env;
    this.#from.invites.incoming = this;
    this.#to.invites.awaited = this;
    this.#transaction.user = this;
    this.#timer = scheduler.schedule(timers.ackMs, this, 0);
    if (this.#isInvite) this.#from.reply(this.#transaction, 100);
  }

  acknowledged(): void {
    this.#finish();
    this.#go();
  }

  onCancel(_cancel: SipRequest): void {
    this.#refuse(487);
  }

  /** One of the legs has ended: RFC 3261 §15.1.2 wants pending requests answered with 487. */
  abandon(_leg: Leg): void {
    this.#refuse(487);
  }

  onFault(error: unknown): void {
    this.#from.onFault(error);
  }

  onTimer(_kind: number): void {
    this.#refuse(491);
  }

  #refuse(status: number): void {
    this.#finish();
    this.#from.reply(this.#transaction, status);
  }

  #finish(): void {
    this.#timer = cancelTimer(this.#timer);
    this.#transaction.user = undefined;
    this.#from.invites.forget(this);
    this.#to.invites.forget(this);
  }
}
