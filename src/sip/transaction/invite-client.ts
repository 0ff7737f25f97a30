import { type HeaderList, type SipResponse, serialize } from '../message/index.ts';
import { ClientTransactionBase } from './client-transaction.ts';
import { buildAck, buildCancel } from './requests.ts';
import { TransactionTimer } from './timers.ts';
import type { Channel, ClientTransactionUser, InviteClientState } from './types.ts';

/**
 * The INVITE client transaction: RFC 3261 §17.1.1 with the Accepted state of RFC 6026 §8.4. The README draws it.
 *
 * Rules it keeps: the request is resent only in Calling and only over unreliable transports; the ACK to a final response other than
 * 2xx is made here, the ACK to a 2xx never is; the user gets one final response other than 2xx at most, or every 2xx.
 * A peer that sends provisional responses for ever keeps the machine in Proceeding: the user's ring timeout cancels it.
 */
export class InviteClientTransaction<F extends Channel> extends ClientTransactionBase<F> {
  state: InviteClientState = 'calling';
  #cancelHeaders: HeaderList | undefined = undefined;
  #cancel: 'none' | 'sent' | 'heard' = 'none';
  /** Where the ACK to its 2xx was sent; the ACK is the text then. */
  #ackFlow: F | undefined = undefined;
  #isReleased = false;

  override get isCancelHeard(): boolean {
    return this.#cancel === 'heard';
  }

  start(): void {
    this.transmit(TransactionTimer.A, TransactionTimer.B);
  }

  /** In place of {@link start}: another process has sent it and heard a provisional response. */
  goOn(): void {
    this.text = '';
    this.state = 'proceeding';
  }

  receiveResponse(response: SipResponse): void {
    switch (this.state) {
      case 'calling':
        this.#responseInCalling(response);
        return;
      case 'proceeding':
        this.#responseInProceeding(response);
        return;
      case 'accepted':
        this.#responseInAccepted(response);
        return;
      case 'completed':
        this.#responseInCompleted(response);
        return;
      case 'terminated':
        return;
      default:
        this.state satisfies never;
    }
  }

  cancel(headers: HeaderList = []): void {
    switch (this.state) {
      case 'calling':
        // §9.1: if no provisional response has been received, the CANCEL MUST NOT be sent; it waits for one.
        this.#cancelHeaders ??= headers;
        return;
      case 'proceeding':
        this.#sendCancel(headers);
        return;
      case 'accepted':
      case 'completed':
      case 'terminated':
        // §9.1: a CANCEL after a final response has no effect, so none is sent.
        return;
      default:
        this.state satisfies never;
    }
  }

  /** Half a minute is long: what a further 2xx needs is kept as the text of the ACK, once that was given. */
  override release(late?: ClientTransactionUser<F>): void {
    if (this.state === 'accepted') {
      this.#isReleased = true;
      if (late !== undefined) this.user = late;
      this.#lingerWhenAcknowledged();
      return;
    }
    if (this.state === 'completed' && late !== undefined) this.host.heard(this, this.text, this.flow, late);
    // §17.1.1.2: timer D is 0 over reliable transports. Until its user has let go of it, it may be told who hears of other forks.
    else if (this.state === 'completed' && this.flow.reliable) this.terminate();
    super.release();
  }

  /** Somebody may answer it: it is to be cancelled. */
  abandon(): void {}

  acknowledged(ack: string, flow: F): void {
    if (this.state !== 'accepted') return;
    this.text = ack;
    this.#ackFlow = flow;
    this.#lingerWhenAcknowledged();
  }

  #lingerWhenAcknowledged(): void {
    if (!this.#isReleased || this.#ackFlow === undefined) return;
    this.host.heard(this, this.text, this.#ackFlow, this.user);
    super.release();
  }

  onTimer(kind: number): void {
    switch (kind) {
      case TransactionTimer.A:
        this.#timerA();
        return;
      case TransactionTimer.B:
      case TransactionTimer.CancelWait:
        this.timeOut();
        return;
      case TransactionTimer.Overdue:
        this.giveUp();
        return;
      case TransactionTimer.D:
      case TransactionTimer.M:
        this.terminate();
        return;
      case TransactionTimer.Refused:
        this.transportFailed('transaction limit');
        return;
    }
  }

  transportFailed(reason: string): void {
    switch (this.state) {
      case 'calling':
      case 'proceeding':
        // §17.1.4: the user is informed and the machine ends. In Proceeding the connection is gone over which the answer would come.
        this.failTransport(reason);
        return;
      case 'completed':
        // §17.1.1.2: the ACK could not be sent; nobody waits for anything any more.
        this.terminate();
        return;
      case 'accepted':
      case 'terminated':
        return;
      default:
        this.state satisfies never;
    }
  }

  #responseInCalling(response: SipResponse): void {
    this.disarmResend();
    this.text = '';
    if (response.status >= 200) {
      this.#final(response);
      return;
    }
    this.disarmState();
    this.state = 'proceeding';
    this.user?.onResponse(response, this);
    // The user may have cancelled in its callback, or the transaction may have ended there.
    if (this.#cancelHeaders !== undefined && this.#isProceeding()) this.#sendCancel(this.#cancelHeaders);
  }

  #responseInProceeding(response: SipResponse): void {
    if (response.status >= 200) {
      this.#final(response);
      return;
    }
    this.user?.onResponse(response, this);
  }

  /** RFC 6026 §7.2: every 2xx goes to the user, from other branches of a fork too; anything else comes too late. */
  #responseInAccepted(response: SipResponse): void {
    if (response.status < 200 || response.status >= 300) return;
    this.user?.onResponse(response, this);
  }

  /** §17.1.1.2: a retransmitted final response is acknowledged again and not passed up. */
  #responseInCompleted(response: SipResponse): void {
    if (response.status < 300) return;
    this.host.counters.retransmissionsReceived++;
    this.resend();
  }

  #final(response: SipResponse): void {
    const { user } = this;
    if (response.status < 300) {
      this.disarmState();
      this.state = 'accepted';
      try {
        user?.onResponse(response, this);
      } finally {
        // Nearly every user has acknowledged and released it by now: what is left of it has no timer of its own.
        if (this.state === 'accepted') this.armState(64 * this.host.timers.t1Ms, TransactionTimer.M);
      }
      return;
    }
    this.#acknowledge(response);
    // It has heard everything; the machine lingers for half a minute.
    this.user = undefined;
    user?.onResponse(response, this);
  }

  #acknowledge(response: SipResponse): void {
    this.text = serialize(buildAck(this.request, response));
    this.state = 'completed';
    this.armState(this.host.timers.timerDMs, TransactionTimer.D);
    this.flow.send(this.text);
  }

  #sendCancel(headers: HeaderList): void {
    if (this.#cancel !== 'none') return;
    this.#cancel = 'sent';
    // §9.1: without a final response in 64*T1 the INVITE counts as cancelled and its transaction is destroyed.
    this.armTimeout(64 * this.host.timers.t1Ms, TransactionTimer.CancelWait);
    this.host.startCancel(buildCancel(this.request, headers), this.flow, () => {
      this.#cancel = 'heard';
    });
  }

  #isProceeding(): boolean {
    return this.state === 'proceeding';
  }

  #timerA(): void {
    this.intervalMs *= 2;
    this.armNext(TransactionTimer.A, TransactionTimer.B);
    this.resend();
  }
}
