import { SuccessResender, type SuccessResenderUser } from '../sip/dialog/index.ts';
import type { SipRequest, SipResponse } from '../sip/message/index.ts';
import type { Leg } from './leg.ts';
import { relayDescription } from './media.ts';
import { describeLate } from './offer-again.ts';
import type { ServerTransaction } from './ports.ts';

/** What the ACK brings: the answer to the offer that the 2xx of this leg held, or the description of who something was made up for. */
export type AwaitedDescription =
  | { readonly kind: 'answer'; readonly to: Leg }
  | { readonly kind: 'late'; readonly to: Leg };

/**
 * A 2xx given to an INVITE, until its ACK comes (RFC 3261 §13.3.1.4). Nothing of the INVITE is kept afterwards.
 */
export class AcceptedInvite implements SuccessResenderUser {
  readonly sequence: number;
  readonly #leg: Leg;
  readonly #transaction: ServerTransaction;
  readonly #resender: SuccessResender;

  readonly #awaits: AwaitedDescription | undefined;

  /** Sends the response and keeps sending it. */
  constructor(leg: Leg, transaction: ServerTransaction, response: SipResponse, awaits?: AwaitedDescription) {
    const { scheduler, timers } = leg.env;
    this.#leg = leg;
    this.#transaction = transaction;
    this.sequence = transaction.request.cseq().sequence;
    this.#awaits = awaits;
    leg.respond(transaction, response);
    transaction.release();
    this.#resender = new SuccessResender(scheduler, response, this, timers.t1Ms, timers.t2Ms);
  }

  /** The ACK has come. */
  acknowledged(ack: SipRequest): void {
    const awaits = this.#awaits;
    this.stop();
    if (awaits?.kind === 'late') describeLate(this.#leg, awaits.to, ack);
    else if (awaits?.to.ack.held !== undefined) answerHeld(this.#leg, awaits.to, ack);
    else describeStandIn(this.#leg, ack);
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

  onFault(error: unknown): void {
    this.#leg.onFault(error);
  }
}

/** The ACK of `from` brings the answer to the offer that the 2xx of `to` held. */
function answerHeld(from: Leg, to: Leg, ack: SipRequest): void {
  relayDescription(from, to, ack, 'answer', (refusal) => {
    if (to.ack.held === undefined) return;
    to.ack.give(to.ack.held, refusal === undefined ? ack : undefined);
    if (refusal !== undefined) from.call.end('engine', 'media-lost');
  });
}

/** The ACK describes the party of `leg`, where something made up stood for it until now. */
function describeStandIn(leg: Leg, ack: SipRequest): void {
  const { media, peer } = leg;
  if (media === undefined || peer === undefined || media.session.standsInFor !== media.tag) return;
  relayDescription(leg, peer, ack, 'answer', (refusal) => {
    if (refusal !== undefined) leg.call.end('engine', 'media-lost');
  });
}
