import type { SipResponse } from '../message/index.ts';
import { ClientTransactionBase } from './client-transaction.ts';
import { TransactionTimer } from './timers.ts';
import type { Channel, NonInviteClientState } from './types.ts';

/**
 * The non-INVITE client transaction: RFC 3261 §17.1.2. The README draws it.
 *
 * Rules it keeps: the request is resent at T1, doubling up to T2, and every T2 once a provisional response has come; the user gets
 * exactly one of final response, timeout and transport error.
 */
export class NonInviteClientTransaction<F extends Channel> extends ClientTransactionBase<F> {
  state: NonInviteClientState = 'trying';

  start(): void {
    this.transmit(TransactionTimer.E, TransactionTimer.F);
  }

  receiveResponse(response: SipResponse): void {
    switch (this.state) {
      case 'trying':
      case 'proceeding':
        this.#responseInProgress(response);
        return;
      case 'completed':
        // §17.1.2.2: Completed is there to absorb retransmissions of the response.
        this.host.counters.retransmissionsReceived++;
        return;
      case 'terminated':
        return;
      default:
        this.state satisfies never;
    }
  }

  /** §9.1: a CANCEL for any method but INVITE does nothing good; none is sent. */
  cancel(): void {}

  acknowledged(): void {}

  abandon(): void {
    if (this.state === 'trying' || this.state === 'proceeding') this.terminate();
  }

  override release(): void {
    if (this.state === 'completed') this.host.heard(this, '', this.flow, undefined);
    super.release();
  }

  onTimer(kind: number): void {
    switch (kind) {
      case TransactionTimer.E:
        this.#timerE();
        return;
      case TransactionTimer.F:
        this.timeOut();
        return;
      case TransactionTimer.Overdue:
        this.giveUp();
        return;
      case TransactionTimer.K:
        this.terminate();
        return;
      case TransactionTimer.Refused:
        this.transportFailed('transaction limit');
        return;
    }
  }

  transportFailed(reason: string): void {
    switch (this.state) {
      case 'trying':
      case 'proceeding':
        this.failTransport(reason);
        return;
      case 'completed':
      case 'terminated':
        return;
      default:
        this.state satisfies never;
    }
  }

  #responseInProgress(response: SipResponse): void {
    if (response.status < 200) {
      this.state = 'proceeding';
      this.user?.onResponse(response, this);
      return;
    }
    this.disarmResend();
    this.disarmState();
    this.text = '';
    const user = this.user;
    this.user = undefined;
    if (this.flow.reliable) {
      // §17.1.2.2: timer K is 0 over reliable transports.
      this.terminate();
      user?.onResponse(response, this);
      return;
    }
    this.state = 'completed';
    try {
      user?.onResponse(response, this);
    } finally {
      // Nearly every user has released it by now: what is left of it has no timer of its own.
      if (this.state === 'completed') this.armState(this.host.timers.t4Ms, TransactionTimer.K);
    }
  }

  #timerE(): void {
    const { t2Ms } = this.host.timers;
    // §17.1.2.2: MIN(2*T1 …, T2) while Trying, T2 in Proceeding.
    this.intervalMs = this.state === 'proceeding' ? t2Ms : Math.min(2 * this.intervalMs, t2Ms);
    this.armNext(TransactionTimer.E, TransactionTimer.F);
    this.resend();
  }
}
