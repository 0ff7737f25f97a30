import { SuccessResender, type SuccessResenderUser } from '../sip/dialog/index.ts';
import type { SipRequest, SipResponse } from '../sip/message/index.ts';
import type { Leg } from './leg.ts';
import type { ServerTransaction } from './ports.ts';

/**
 * A 2xx given to an INVITE, until its ACK comes (RFC 3261 §13.3.1.4). Nothing of the INVITE is kept afterwards.
 */
export class AcceptedInvite implements SuccessResenderUser {
  readonly sequence: number;
  /** The leg whose own 2xx waits for the body of this ACK (offer in 2xx, answer in ACK); undefined when it was acknowledged already. */
  readonly answers: Leg | undefined;
  readonly #leg: Leg;
  readonly #transaction: ServerTransaction;
  readonly #resender: SuccessResender;

  /** The other party has had its description already: the ACK describes who it was made up for. */
  readonly describesLate: ((ack: SipRequest) => void) | undefined;

  /** Sends the response and keeps sending it. */
  constructor(
    leg: Leg,
    transaction: ServerTransaction,
    response: SipResponse,
    answers: Leg | undefined,
    describesLate?: (ack: SipRequest) => void,
  ) {
    const { scheduler, timers } = leg.env;
    this.#leg = leg;
    this.#transaction = transaction;
    this.sequence = transaction.request.cseq().sequence;
    this.answers = answers;
    this.describesLate = describesLate;
    leg.respond(transaction, response);
    transaction.release();
    this.#resender = new SuccessResender(scheduler, response, this, timers.t1Ms, timers.t2Ms);
  }

  stop(): void {
    this.#resender.stop();
  }

  resend(response: SipResponse): void {
    this.#transaction.respond(response);
  }

  onNoAck(): void {
    this.#leg.ackMissing(this);
  }
}
