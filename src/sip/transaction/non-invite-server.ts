import type { SipResponse } from '../message/index.ts';
import { ServerTransactionBase } from './server-transaction.ts';
import { TransactionTimer } from './timers.ts';
import type { Channel, NonInviteServerState } from './types.ts';

/**
 * The non-INVITE server transaction: RFC 3261 §17.2.2, with RFC 4320. The README draws it.
 *
 * Rules it keeps: a retransmitted request gets the last response again; one final response, ever; a 100 leaves once the client's
 * timer E has reached T2 and no other provisional response ever does; a 408 never leaves, since the client has given up by then.
 */
export class NonInviteServerTransaction<F extends Channel> extends ServerTransactionBase<F> {
  state: NonInviteServerState = 'trying';

  /** Called once the user has seen the request. */
  opened(): void {
    if (this.state === 'completed') this.#armJ();
    if (this.state !== 'trying') return;
    // RFC 4320 §4.1: a 100 is due when the client's timer E has been reset to T2, and not before over unreliable transports.
    this.armResend(this.#timerEReachesT2Ms(), TransactionTimer.Trying);
  }

  /** The request came again. */
  receiveRequest(): void {
    this.host.counters.retransmissionsReceived++;
    switch (this.state) {
      case 'trying':
      case 'terminated':
        return;
      case 'proceeding':
      case 'completed':
        if (this.text !== '') this.resend();
        return;
      default:
        this.state satisfies never;
    }
  }

  protected answeredStateless(): void {
    this.state = 'terminated';
  }

  protected respondKept(response: SipResponse): void {
    switch (this.state) {
      case 'trying':
      case 'proceeding':
        this.#respondInProgress(response);
        return;
      case 'completed':
      case 'terminated':
        // §17.2.2: any other final response passed by the user in Completed MUST be discarded.
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
      case TransactionTimer.J:
        this.#terminate();
        return;
    }
  }

  transportFailed(reason: string): void {
    switch (this.state) {
      case 'trying':
      case 'proceeding':
      case 'completed':
        // DEVIATION from §17.2.4, which ends the machine: kept until timer J, as RFC 6026 §7.1 does for INVITE, so that a
        // retransmission is not taken for a new request.
        this.host.counters.transportErrors++;
        this.user?.onTransportError?.(reason);
        return;
      case 'terminated':
        return;
      default:
        this.state satisfies never;
    }
  }

  #respondInProgress(response: SipResponse): void {
    const { status } = response;
    if (status < 200) {
      this.#provisional(response);
      return;
    }
    this.prepare(response);
    this.disarmResend();
    if (!this.flow.reliable) this.state = 'completed';
    // RFC 4320 §4.2: a 408 to a non-INVITE request MUST NOT be sent, now or when the request comes again.
    if (status === 408) this.text = '';
    else this.transmit();
    // §17.2.2: timer J is 64*T1 over unreliable transports and 0 over reliable ones.
    if (this.flow.reliable) this.#terminate();
    else if (this.mayLinger) this.leaveRecord(this.text);
    else if (this.isKept) this.#armJ();
  }

  #armJ(): void {
    this.armState(64 * this.host.timers.t1Ms, TransactionTimer.J);
  }

  /** RFC 4320 §4.1: no provisional response but 100, and over unreliable transports not early. */
  #provisional(response: SipResponse): void {
    if (response.status !== 100) {
      this.host.counters.lateResponses++;
      return;
    }
    this.prepare(response);
    this.disarmResend();
    this.state = 'proceeding';
    this.transmit();
  }

  #timerEReachesT2Ms(): number {
    const { t1Ms, t2Ms } = this.host.timers;
    let elapsedMs = 0;
    for (let intervalMs = t1Ms; intervalMs < t2Ms; intervalMs *= 2) elapsedMs += intervalMs;
    return elapsedMs;
  }

  #terminate(): void {
    this.state = 'terminated';
    this.finish();
  }
}
