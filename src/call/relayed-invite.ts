import { InOrder } from '../base/in-order.ts';
import { cancelTimer, type Timer, type TimerTarget } from '../base/scheduler.ts';
import type { MediaRefusal } from '../media/index.ts';
import { createResponse, HeaderId, type SipMessage, type SipRequest, type SipResponse } from '../sip/message/index.ts';
import { AcceptedInvite, type AwaitedDescription } from './accepted-invite.ts';
import { addOwnHeaders, addReinviteCapabilities, allowOf } from './capabilities.ts';
import { learnIdentity, showParty } from './connected-identity.ts';
import { contactOf } from './contact.ts';
import type { Leg } from './leg.ts';
import type { PendingInvite } from './leg-invites.ts';
import { LegRequest, type LegRequestUser } from './leg-request.ts';
import { descriptionRefused, MEDIA_REFUSALS, relayDescription } from './media.ts';
import { offerAgain, takesNoneWithoutOffer } from './offer-again.ts';
import type { ServerTransaction, ServerTransactionUser } from './ports.ts';
import {
  hasSessionDescription,
  reasonFields,
  reasonsOf,
  relayAccepted,
  relayAllowed,
  relayBody,
  relayedPhrase,
  relayRequestHeaders,
  relayResponseHeaders,
} from './relayed-headers.ts';
import { inDialogStatus } from './response-mapping.ts';

/**
 * Relays a re-INVITE of `from` to `to`, or, as one, the offer of an UPDATE for a party that has no UPDATE. The caller has made sure that
 * neither leg has an INVITE under way. `isNewParty`: it has told that somebody else is there now, which `to` has not been told.
 */
export function relayInvite(
  from: Leg,
  to: Leg,
  transaction: ServerTransaction,
  request: SipRequest,
  isNewParty = false,
): void {
  new RelayedInvite(from, to, transaction, request, isNewParty).start();
}

/**
 * A re-INVITE on its way through (RFC 3261 §14, RFC 6141). Hold, T.38, codec changes and delayed offers are all the same here: what
 * one side describes, the other side gets, and each side's final answer is the other side's own. When it fails, nothing has changed:
 * the session stays as it was. The retry after 491 is the sender's, whose waiting band (§14.1) is right for its own dialog.
 */
class RelayedInvite implements LegRequestUser, ServerTransactionUser, PendingInvite<Leg>, TimerTarget {
  readonly #from: Leg;
  readonly #to: Leg;
  readonly #transaction: ServerTransaction;
  readonly #request: SipRequest;
  readonly #offers: boolean;
  /** What is offered for a sender that offers nothing, to a party that takes no INVITE so. */
  #made: SipMessage | undefined = undefined;
  /** An UPDATE (RFC 3311): its answer is a response without ACK, and it has to be answered at once. */
  readonly #isUpdate: boolean;
  /** The request says that somebody else is there now. */
  readonly #isNewParty: boolean;
  #client: LegRequest | undefined = undefined;
  /** Responses that wait for their description. */
  #arrivals: InOrder | undefined = undefined;
  #timer: Timer | undefined = undefined;
  #done = false;
  #cancelled = false;

  constructor(from: Leg, to: Leg, transaction: ServerTransaction, request: SipRequest, isNewParty: boolean) {
    this.#from = from;
    this.#to = to;
    this.#transaction = transaction;
    this.#request = request;
    this.#offers = hasSessionDescription(request);
    this.#isUpdate = request.method === 'UPDATE';
    this.#isNewParty = learnIdentity(from, request) || isNewParty;
  }

  /** The 2xx holds an answer; otherwise an offer, and the ACK of the sender will hold the answer. */
  get #answersHere(): boolean {
    return this.#offers || this.#made !== undefined;
  }

  start(): void {
    const { scheduler, timers } = this.#from.env;
    this.#from.invites.incoming = this;
    this.#to.invites.outgoing = this;
    this.#transaction.user = this;
    this.#timer = scheduler.schedule(this.#isUpdate ? timers.updateMs : timers.reinviteMs, this, 0);
    if (this.#offers || !takesNoneWithoutOffer(this.#to)) {
      relayDescription(this.#from, this.#to, this.#request, 'offer', (refusal) => this.#described(refusal));
      return;
    }
    offerAgain(this.#from, this.#to, (offer, refusal) => {
      this.#made = offer;
      this.#described(refusal);
    });
  }

  onLegResponse(response: SipResponse, request: LegRequest): void {
    if (this.#to.media === undefined || response.status >= 300) {
      this.#received(response, request, true);
      return;
    }
    this.#arrivals ??= new InOrder();
    this.#arrivals.run((done) =>
      relayDescription(this.#to, this.#from, response, this.#answersHere ? 'answer' : 'offer', (refusal) => {
        this.#received(response, request, refusal === undefined);
        done();
      }),
    );
  }

  /** The offer is as the other party shall have it, or there is none. */
  #described(refusal: MediaRefusal | undefined): void {
    if (this.#done) return;
    if (refusal === undefined && !this.#cancelled) {
      this.#ask();
      return;
    }
    this.#finish();
    if (refusal === undefined) descriptionRefused(this.#from);
    this.#from.reply(
      this.#transaction,
      this.#cancelled || refusal === undefined ? 487 : MEDIA_REFUSALS[refusal].status,
    );
  }

  #received(response: SipResponse, request: LegRequest, isDescribed: boolean): void {
    const { status } = response;
    if (status === 100) return;
    if (status < 200) {
      if (isDescribed) this.#relayProvisional(response);
      return;
    }
    if (status < 300) {
      this.#accepted(response, request, isDescribed);
      return;
    }
    // RFC 4028 §7.3: the other side wants a longer interval; that is between it and this engine. Nobody would cancel another INVITE once
    // this one is cancelled or given up.
    if (status === 422 && !this.#done && !this.#cancelled && this.#to.session?.receive422(response) === true) {
      this.#ask();
      return;
    }
    // Given up, it has had its 487: another answer would touch what is under way on the leg by now.
    descriptionRefused(this.#from);
    if (!this.#done) {
      this.#finish();
      this.#answer(status, response);
    }
    // RFC 3261 §12.2.1.2: 481 says that the dialog is gone; a busy, unacceptable or late re-INVITE says nothing about the session.
    if (status === 481) this.#to.call.legLost(this.#to, 'dialog-lost');
  }

  onLegSilence(status: number, _request: LegRequest): void {
    descriptionRefused(this.#from);
    if (this.#done) return;
    this.#finish();
    // The sender decides what its peer's silence means (§14.1); for this engine the session stays as it was.
    this.#from.reply(this.#transaction, this.#cancelled ? 487 : status === 408 ? 504 : 503);
  }

  /** CANCEL: the answer is the other side's, since its 2xx may have crossed. */
  onCancel(cancel: SipRequest): void {
    this.#cancelled = true;
    this.#client?.cancel(reasonFields(reasonsOf(cancel, this.#from.options)));
  }

  /** One of the legs has ended: RFC 3261 §15.1.2 wants pending requests answered with 487. */
  abandon(leg: Leg): void {
    if (this.#done) return;
    this.#finish();
    if (leg === this.#from) this.#client?.cancel();
    this.#from.reply(this.#transaction, 487);
  }

  onFault(error: unknown): void {
    this.#from.onFault(error);
  }

  /** No final answer in time: given up like a call that nobody takes. */
  onTimer(_kind: number): void {
    this.#timer = undefined;
    this.#cancelled = true;
    this.#client?.cancel();
    if (!this.#isUpdate || this.#done) return;
    // RFC 3311 §5.2: an UPDATE cannot wait for people. Its transaction would be over before the INVITE's answer.
    this.#finish();
    this.#from.reply(this.#transaction, 504);
  }

  #ask(): void {
    const to = this.#to;
    const relayed = to.createRequest('INVITE');
    relayed.headers.set(HeaderId.MaxForwards, String(this.#request.hopsAfter()));
    addReinviteCapabilities(relayed, to.options, this.#from);
    relayRequestHeaders(this.#request.headers, relayed.headers, to, this.#from);
    relayBody(this.#made ?? this.#request, relayed);
    if (this.#isNewParty) showParty(relayed, this.#from, to);
    this.#client = new LegRequest(to, relayed, this).send();
  }

  #relayProvisional(response: SipResponse): void {
    // Reliable provisional responses to a re-INVITE are not asked for (no Supported: 100rel leaves with one), so none needs a PRACK.
    // RFC 3261 §17.1.2: to an UPDATE they mean nothing. RFC 3262 §3: whoever requires reliable ones is sent no other.
    if (this.#done || this.#isUpdate || this.#request.headers.lists(HeaderId.Require, '100rel')) return;
    const phrase = relayedPhrase(response, this.#from, this.#to);
    const relayed = createResponse(this.#request, response.status, phrase);
    addReinviteCapabilities(relayed, this.#from.options, this.#to, contactOf(this.#from));
    relayResponseHeaders(response.headers, relayed.headers, this.#from, this.#to);
    relayBody(response, relayed);
    this.#from.respond(this.#transaction, relayed);
  }

  #accepted(response: SipResponse, request: LegRequest, isDescribed: boolean): void {
    const to = this.#to;
    if (this.#done) {
      to.ack.giveAgain(request.request);
      return;
    }
    this.#finish();
    if (!isDescribed) {
      // What it has agreed to cannot be told: its own session has changed, the sender's has not.
      to.ack.give(request.request);
      this.#from.reply(this.#transaction, 503);
      return;
    }
    to.learn(response);
    to.dialog.refreshTarget(response);
    to.session?.described(this.#made ?? this.#request);
    this.#from.dialog.refreshTarget(this.#request);
    if (this.#answersHere) {
      to.ack.give(request.request);
    } else {
      // RFC 3261 §13.2.1: the 2xx holds the offer, the ACK of the other side will hold the answer.
      to.ack.hold(request.request);
    }
    const answer = this.#response(response.status, response);
    // Contact says what is granted here.
    this.#from.session?.grant(answer, this.#request);
    addReinviteCapabilities(answer, this.#from.options, to, contactOf(this.#from));
    if (learnIdentity(to, response)) showParty(answer, to, this.#from);
    this.#from.session?.described(answer);
    const from = this.#from;
    if (this.#isUpdate) from.respond(this.#transaction, answer);
    else from.invites.accepted = new AcceptedInvite(from, this.#transaction, answer, this.#awaited());
  }

  /** What the sender's ACK brings. */
  #awaited(): AwaitedDescription | undefined {
    if (this.#made !== undefined) return { kind: 'late', to: this.#to };
    return this.#offers ? undefined : { kind: 'answer', to: this.#to };
  }

  #answer(status: number, response: SipResponse): void {
    this.#from.respond(this.#transaction, this.#response(inDialogStatus(status), response));
  }

  #response(status: number, response: SipResponse): SipResponse {
    const phrase = relayedPhrase(response, this.#from, this.#to);
    const relayed = createResponse(this.#request, status, status === response.status ? phrase : undefined);
    addOwnHeaders(relayed, this.#from.options);
    relayResponseHeaders(response.headers, relayed.headers, this.#from, this.#to);
    if (status === 415) relayAccepted(response, relayed);
    if (status === 405) relayAllowed(response, relayed, this.#request.method, allowOf(this.#to, this.#from.options));
    relayBody(response, relayed);
    return relayed;
  }

  #finish(): void {
    this.#done = true;
    this.#timer = cancelTimer(this.#timer);
    this.#from.invites.forget(this);
    this.#to.invites.forget(this);
  }
}
