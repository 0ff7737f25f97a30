import type { SipRequest, SipResponse } from '../message/index.ts';
import { ServerTransactionBase } from './server-transaction.ts';
import { TransactionTimer } from './timers.ts';
import type { Channel, InviteServerState } from './types.ts';

/**
 * The INVITE server transaction: RFC 3261 §17.2.1 with the Accepted state of RFC 6026 §8.5. The README draws it.
 *
 * Rules it keeps: a 100 leaves within 200 ms unless the user answers first; a final response other than 2xx is resent until its ACK
 * comes; a 2xx is resent by the user only, until its ACK comes (§13.3.1.4); no transport error ends the machine (RFC 6026 §7.1).
 */
export class InviteServerTransaction<F extends Channel> extends ServerTransactionBase<F> {
  state: InviteServerState = 'proceeding';
  #intervalMs = 0;

  /** Called once the user has seen the request. §17.2.1: without a response in 200 ms the transaction sends a 100. */
  opened(): void {
    if (this.state === 'proceeding' && !this.hasResponse)
      this.armResend(this.host.timers.tryingMs, TransactionTimer.Trying);
  }

  /** The INVITE came again. */
  receiveRequest(): void {
    this.host.counters.retransmissionsReceived++;
    switch (this.state) {
      case 'proceeding':
        // The sender is in its second attempt: it gets the last provisional response, or the 100 a little early.
        if (this.hasResponse) {
          this.resend();
          return;
        }
        this.disarmResend();
        this.reply(100);
        return;
      case 'completed':
        this.resend();
        return;
      case 'accepted':
      case 'confirmed':
      case 'terminated':
        return;
      default:
        this.state satisfies never;
    }
  }

  /** An ACK with this transaction's branch. True: absorbed; false: it is for the user (RFC 6026 §7.1). */
  receiveAck(): boolean {
    switch (this.state) {
      case 'completed':
        return this.#ackInCompleted();
      case 'confirmed':
        return true;
      case 'proceeding':
      case 'accepted':
      case 'terminated':
        return false;
      default:
        this.state satisfies never;
        return false;
    }
  }

  /** A CANCEL for this INVITE (§9.2). Once a final response was sent it has no effect. */
  receiveCancel(cancel: SipRequest): void {
    if (this.state !== 'proceeding') return;
    if (this.user !== undefined) this.user.onCancel(cancel);
    else this.reply(487);
  }

  protected answeredStateless(): void {
    this.state = 'terminated';
  }

  protected respondKept(response: SipResponse): void {
    switch (this.state) {
      case 'proceeding':
        this.#respondInProceeding(response);
        return;
      case 'accepted':
        this.#respondInAccepted(response);
        return;
      case 'completed':
      case 'confirmed':
      case 'terminated':
        this.host.counters.lateResponses++;
        return;
      default:
        this.state satisfies never;
    }
  }

  onTimer(kind: number): void {
    switch (kind) {
      case TransactionTimer.Trying:
        this.reply(100);
        return;
      case TransactionTimer.G:
        this.#timerG();
        return;
      case TransactionTimer.H:
        this.#timerH();
        return;
      case TransactionTimer.I:
      case TransactionTimer.L:
        this.#terminate();
        return;
    }
  }

  transportFailed(reason: string): void {
    switch (this.state) {
      case 'proceeding':
      case 'accepted':
      case 'completed':
        this.host.counters.transportErrors++;
        this.user?.onTransportError?.(reason);
        return;
      case 'confirmed':
      case 'terminated':
        return;
      default:
        this.state satisfies never;
    }
  }

  #respondInProceeding(response: SipResponse): void {
    this.prepare(response);
    this.disarmResend();
    const { status } = response;
    const { t1Ms } = this.host.timers;
    if (status >= 300) {
      this.state = 'completed';
      // §26.3.2.4: unproved requests are challenged with a single 401 or 407, without retransmission.
      const resends = !this.flow.reliable && !this.answerOnce && status !== 401 && status !== 407;
      this.#intervalMs = t1Ms;
      if (resends) this.armResend(t1Ms, TransactionTimer.G);
      this.armState(64 * t1Ms, TransactionTimer.H);
    } else if (status >= 200) {
      this.state = 'accepted';
      this.armState(64 * t1Ms, TransactionTimer.L);
    }
    this.transmit();
  }

  /** RFC 6026 §7.1: the user's retransmissions of the 2xx go to the transport. */
  #respondInAccepted(response: SipResponse): void {
    if (response.status < 200 || response.status >= 300) {
      this.host.counters.lateResponses++;
      return;
    }
    this.prepare(response);
    this.transmit();
  }

  /** In Accepted everything that may be sent again is the user's to send; in Completed the machine itself has more to do. */
  override release(): void {
    if (this.state === 'accepted' && this.mayLinger) this.leaveRecord('');
    super.release();
  }

  #ackInCompleted(): boolean {
    this.disarmResend();
    if (this.flow.reliable) {
      // §17.2.1: timer I is 0 over reliable transports.
      this.#terminate();
    } else {
      this.state = 'confirmed';
      this.armState(this.host.timers.t4Ms, TransactionTimer.I);
    }
    return true;
  }

  #timerG(): void {
    this.#intervalMs = Math.min(2 * this.#intervalMs, this.host.timers.t2Ms);
    this.armResend(this.#intervalMs, TransactionTimer.G);
    this.resend();
  }

  #timerH(): void {
    this.host.counters.ackTimeouts++;
    this.#terminate();
    this.user?.onAckTimeout?.();
  }

  #terminate(): void {
    this.state = 'terminated';
    this.finish();
  }
}
