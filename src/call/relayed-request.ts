import type { MediaRefusal } from '../media/index.ts';
import { createResponse, HeaderId, type SipRequest, type SipResponse } from '../sip/message/index.ts';
import { addCapabilities, addOwnHeaders, allowOf, withoutMethod } from './capabilities.ts';
import { learnIdentity, showParty } from './connected-identity.ts';
import { contactOf } from './contact.ts';
import type { Leg } from './leg.ts';
import { LegRequest, type LegRequestUser } from './leg-request.ts';
import { descriptionRefused, MEDIA_REFUSALS, relayDescription } from './media.ts';
import type { ServerTransaction } from './ports.ts';
import { relayReferral } from './referral-between-nodes.ts';
import {
  relayAccepted,
  relayBody,
  relayedPhrase,
  relayRequestHeaders,
  relayResponseHeaders,
} from './relayed-headers.ts';
import { relayInvite } from './relayed-invite.ts';
import { inDialogStatus } from './response-mapping.ts';

/** Relays a request other than INVITE within the dialogs of a call: UPDATE, INFO, MESSAGE, NOTIFY, PRACK with its `rack`, and REFER to another node. */
export function relayRequest(
  from: Leg,
  transaction: ServerTransaction,
  request: SipRequest,
  to = from.peer,
  rack?: string,
): void {
  if (to === undefined || to.state === 'leaving' || to.state === 'gone') {
    from.reply(transaction, 480);
    return;
  }
  if (to.relays >= to.env.limits.maxRelaysPerLeg) {
    from.reply(transaction, 503, [[HeaderId.RetryAfter, '1']]);
    return;
  }
  to.relays++;
  const relay = new RelayedRequest(from, to, transaction, request);
  relayDescription(from, to, request, relay.role, (refusal) => relay.start(refusal, rack));
}

class RelayedRequest implements LegRequestUser {
  readonly #from: Leg;
  readonly #to: Leg;
  readonly #transaction: ServerTransaction;
  readonly #request: SipRequest;
  /** As it came. */
  readonly #body: string;
  /** It describes the sender, for whom something made up has been offered and answered. */
  readonly #isLate: boolean;
  /** An UPDATE that says that somebody else is there now. */
  readonly #isNewParty: boolean;

  constructor(from: Leg, to: Leg, transaction: ServerTransaction, request: SipRequest) {
    this.#from = from;
    this.#to = to;
    this.#transaction = transaction;
    this.#request = request;
    this.#body = request.body;
    const { media } = from;
    this.#isLate = request.method === 'PRACK' && media !== undefined && media.session.standsInFor === media.tag;
    this.#isNewParty = this.#isUpdate && learnIdentity(from, request);
  }

  get #isUpdate(): boolean {
    return this.#request.method === 'UPDATE';
  }

  /** What the request describes, if anything: RFC 3262 §5 lets a PRACK answer the offer of the response that it acknowledges. */
  get role(): 'offer' | 'answer' {
    const { media } = this.#to;
    if (this.#isLate) return 'answer';
    return this.#request.method === 'PRACK' && media?.session.offeredBy === media?.tag ? 'answer' : 'offer';
  }

  /** @param refusal why what it describes cannot be told to the other party; undefined: it can. */
  start(refusal: MediaRefusal | undefined, rack: string | undefined): void {
    const to = this.#to;
    if (refusal !== undefined || to.state === 'leaving' || to.state === 'gone') {
      to.relays--;
      this.#from.reply(this.#transaction, refusal === undefined ? 480 : MEDIA_REFUSALS[refusal].status);
      return;
    }
    this.#ask(rack);
  }

  #ask(rack?: string): void {
    const [from, to, request] = [this.#from, this.#to, this.#request];
    const relayed = to.createRequest(request.method);
    relayed.headers.set(HeaderId.MaxForwards, String(request.hopsAfter()));
    if (rack !== undefined) relayed.headers.add(HeaderId.RAck, rack);
    relayRequestHeaders(request.headers, relayed.headers, to, from);
    if (request.method === 'REFER') relayReferral(request, relayed);
    if (!this.#isLate) relayBody(request, relayed);
    // RFC 3261 §20.15: a body of no octets has a type as well; a hook flash is said by that alone.
    if ((request.method === 'INFO' || request.method === 'MESSAGE') && request.body === '')
      relayed.headers.takeFirst(request.headers, HeaderId.ContentType);
    if (this.#isNewParty) showParty(relayed, from, to);
    new LegRequest(to, relayed, this).send();
  }

  onLegResponse(response: SipResponse, _request: LegRequest): void {
    // RFC 3261 §17.1.2: provisional responses to other methods than INVITE mean nothing to the next hop.
    if (response.status < 200) return;
    // RFC 4028 §7.3: the other party wants a longer interval; that is between it and this engine.
    const mayAskAgain = this.#isUpdate && response.status === 422 && this.#to.state === 'confirmed';
    if (mayAskAgain && this.#to.session?.receive422(response) === true) {
      this.#ask();
      return;
    }
    this.#to.relays--;
    if (response.status >= 300) {
      descriptionRefused(this.#from);
      this.#received(response);
      return;
    }
    relayDescription(this.#to, this.#from, response, 'answer', (refusal) => {
      if (refusal === undefined) this.#received(response);
      else this.#from.reply(this.#transaction, 503);
    });
  }

  #received(response: SipResponse): void {
    this.#to.learn(response);
    const { status } = response;
    if (this.#isUpdate && (status === 405 || status === 501)) {
      this.#offerOtherwise();
      return;
    }
    if (status < 300) {
      this.#to.dialog.refreshTarget(response);
      if (this.#isUpdate) this.#to.session?.described(this.#request);
      this.#from.dialog.refreshTarget(this.#request);
    }
    this.#answer(response);
    // §12.2.1.2: 481 says that the dialog is gone, so the call is over for both sides.
    if (status === 481) this.#to.call.legLost(this.#to, 'dialog-lost');
  }

  /**
   * A party that has no UPDATE after all, whatever its Allow said or left out: its session can take the offer in a re-INVITE. While it
   * rings there is no such way; the session stays as it was (RFC 3311 §5.2).
   */
  #offerOtherwise(): void {
    const to = this.#to;
    to.methods = withoutMethod(to.methods, 'UPDATE');
    this.#request.body = this.#body;
    if (to.state === 'confirmed' && to.mayStart('INVITE', true)) {
      relayInvite(this.#from, to, this.#transaction, this.#request, this.#isNewParty);
      return;
    }
    this.#from.reply(this.#transaction, 488);
  }

  onLegSilence(status: number, _request: LegRequest): void {
    this.#to.relays--;
    descriptionRefused(this.#from);
    // §8.1.3.1 for the other side: silence is 408. The session stays; BYE, session timer or session limit end it.
    this.#from.reply(this.#transaction, status === 408 ? 408 : 503);
  }

  #answer(response: SipResponse): void {
    const from = this.#from;
    const status = inDialogStatus(response.status);
    const relayed = createResponse(
      this.#request,
      status,
      status === response.status ? relayedPhrase(response, from, this.#to) : undefined,
    );
    if (this.#isUpdate && status < 300) {
      addCapabilities(relayed, from.options, this.#to, contactOf(from));
      if (learnIdentity(this.#to, response)) showParty(relayed, this.#to, from);
    }
    if (this.#request.method === 'REFER' && status < 300) {
      // RFC 3515 §2.2: the transferor's subscription is in this dialog.
      relayed.headers.set(HeaderId.Contact, contactOf(from));
      relayed.headers.takeFirst(response.headers, HeaderId.ReferSub);
    }
    addOwnHeaders(relayed, from.options);
    relayResponseHeaders(response.headers, relayed.headers, from, this.#to);
    if (status === 415) relayAccepted(response, relayed);
    // RFC 3261 §21.4.6: which methods there are then, whether its sender says so or not.
    if (status === 405) {
      this.#to.methods = withoutMethod(this.#to.methods, this.#request.method);
      relayed.headers.set(HeaderId.Allow, allowOf(this.#to, from.options));
    }
    relayBody(response, relayed);
    from.session?.grant(relayed, this.#request);
    if (this.#isUpdate && status < 300) from.session?.described(relayed);
    from.respond(this.#transaction, relayed);
  }
}
