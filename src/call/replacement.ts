import { PeerError } from '../base/errors.ts';
import { Dialog } from '../sip/dialog/index.ts';
import {
  createResponse,
  HeaderId,
  SipResponse as Response,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from '../sip/message/index.ts';
import { AcceptedInvite } from './accepted-invite.ts';
import { addCapabilities, addOwnHeaders } from './capabilities.ts';
import { showParty } from './connected-identity.ts';
import { JoinedMedia, type JoinedParty } from './joined-media.ts';
import { Leg, type LegRegistry } from './leg.ts';
import { takesNoneWithoutOffer } from './offer-again.ts';
import type { LegOptions } from './plan.ts';
import type { CallEnvironment, ServerTransaction, ServerTransactionUser, ShownParty } from './ports.ts';
import { hasSessionDescription, relayBody } from './relayed-headers.ts';
import { Renegotiation, type RenegotiationUser } from './renegotiation.ts';
import { type Replaces, replacesOf } from './replaces.ts';
import { SessionKeeper } from './session-keeper.ts';

/**
 * An INVITE with Replaces (RFC 3891 §3): finds the dialog, asks whether it may, and takes its place.
 * @param mayCome whether the dialog may come from elsewhere: it is asked for again then, or refused by whoever says so
 */
export function takeOver(
  env: CallEnvironment,
  registry: LegRegistry,
  transaction: ServerTransaction,
  options: LegOptions,
  mayCome: () => boolean,
): void {
  const { request } = transaction;
  let replaces: Replaces | undefined;
  try {
    replaces = replacesOf(request);
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    transaction.reply(400, 'Bad Replaces');
    return;
  }
  if (replaces === undefined) {
    transaction.reply(400, 'Replaces Expected');
    return;
  }
  const replaced = registry.find(replaces.callId, replaces.toTag, replaces.fromTag);
  if (replaced === undefined) {
    if (!mayCome()) transaction.reply(481);
    return;
  }
  const refusal = refusalOf(env, replaces, replaced, options);
  const tooSmall = sessionOf(env, request, options)?.refusal(request);
  if (refusal !== undefined) transaction.reply(refusal);
  else if (tooSmall !== undefined) transaction.reply(tooSmall.status, undefined, tooSmall.headers);
  else if (replaced.state === 'early') pickUp(transaction, replaced, options);
  else if (replaced.peer !== undefined) new Replacement(transaction, replaced, replaced.peer, options).start();
}

/** The status that RFC 3891 §3 has for who may not take a place, or not take this one. */
function refusalOf(
  { router }: CallEnvironment,
  { earlyOnly }: Replaces,
  replaced: Leg,
  options: LegOptions,
): number | undefined {
  const { call, peer, state } = replaced;
  if (!router.mayReplace(options, call, replaced)) return 403;
  if (peer !== undefined && router.mayConnect?.(options, peer.options) === false) return 403;
  // A dialog that has ended is declined.
  if (state === 'leaving' || state === 'gone') return 603;
  // An early dialog may be replaced only if this side began it.
  if (state === 'early') return replaced.isCallerSide ? 481 : undefined;
  // Early-only, and the dialog is not early any more.
  if (earlyOnly) return 486;
  return peer?.state !== 'confirmed' || call.referral !== undefined ? 491 : undefined;
}

/**
 * A ringing call is taken by another phone. Both the caller and the newcomer have made an offer, so each is answered with the other's
 * description: an answer may list more formats than the offer (RFC 3264 §6.1), but must have as many media lines.
 */
function pickUp(transaction: ServerTransaction, replaced: Leg, options: LegOptions): void {
  const { call } = replaced;
  const { caller } = call;
  const { request } = transaction;
  if (caller === undefined) {
    transaction.reply(481);
    return;
  }
  const { request: offered } = caller;
  const areDescribed = hasSessionDescription(request) && hasSessionDescription(offered);
  if (!areDescribed || mediaLines(request.body) !== mediaLines(offered.body)) {
    transaction.reply(488);
    return;
  }
  const leg = newLeg(transaction, replaced, options);
  const offer = new Response(200, 'OK');
  relayBody(offered, offer);
  const answer = new Response(200, 'OK');
  relayBody(request, answer);
  const asked: JoinedParty = { mediaEnd: caller.mediaEnd, media: undefined };
  const media = new JoinedMedia(call, asked, leg);
  const refuse = (status: number) => {
    media.end();
    leg.hangUp();
    transaction.reply(status);
  };
  const take = () => {
    // One who has given up may have his refusal only when whoever rings has answered.
    if (caller.done || call.record.endedBy !== undefined) {
      refuse(481);
      return;
    }
    media.take();
    leg.confirm();
    accept(leg, transaction, offer, undefined, caller.party);
    if (!call.pickedUp(leg, answer)) leg.hangUp();
  };
  media.offer(asked, offer, (refusal) => {
    if (refusal !== undefined) refuse(refusal);
    else media.answer(leg, answer, (isDescribed) => (isDescribed ? take() : refuse(503)));
  });
}

/**
 * A leg of an answered call is replaced: the newcomer's offer is put to the other party by re-INVITE, or the other party is asked for
 * one; nothing changes for anybody until that has succeeded.
 */
class Replacement implements RenegotiationUser, ServerTransactionUser {
  readonly #transaction: ServerTransaction;
  readonly #replaced: Leg;
  readonly #peer: Leg;
  readonly #options: LegOptions;
  readonly #offers: boolean;
  /** The newcomer offers nothing, and the other party takes no re-INVITE so. */
  readonly #isMadeUp: boolean;
  readonly #newcomer: JoinedParty;
  readonly #media: JoinedMedia;
  #renegotiation: Renegotiation | undefined = undefined;
  #cancelled = false;

  constructor(transaction: ServerTransaction, replaced: Leg, peer: Leg, options: LegOptions) {
    this.#transaction = transaction;
    this.#replaced = replaced;
    this.#peer = peer;
    this.#options = options;
    this.#offers = hasSessionDescription(transaction.request);
    const { remoteAddress: address } = transaction.flow;
    this.#newcomer = { mediaEnd: { media: options.media, address }, media: undefined };
    this.#isMadeUp = !this.#offers && takesNoneWithoutOffer(peer);
    const { call } = peer;
    this.#media = this.#isMadeUp
      ? new JoinedMedia(call, this.#newcomer, peer)
      : new JoinedMedia(call, peer, this.#newcomer);
  }

  start(): void {
    this.#transaction.user = this;
    if (this.#offers) this.#media.offer(this.#newcomer, this.#transaction.request, (refusal) => this.#ask(refusal));
    else if (this.#isMadeUp) this.#media.makeUp((offer) => this.#ask(offer === undefined ? 488 : undefined, offer));
    else this.#ask(undefined);
  }

  #ask(refusal: number | undefined, made?: SipMessage): void {
    if (this.#cancelled) return;
    if (refusal !== undefined) {
      this.onRenegotiationFailed(this.#peer, refusal);
      return;
    }
    const offer = this.#offers ? this.#transaction.request : made;
    const { identity, anonymous } = this.#options;
    const newcomer: ShownParty = { identity, identityWithheld: anonymous === true };
    this.#renegotiation = new Renegotiation(this.#peer, offer, this, newcomer).start();
  }

  /** The re-INVITE is about to succeed or fail; the newcomer is refused now, and the replaced party offered back its place. */
  onCancel(_cancel: SipRequest): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#renegotiation?.stop();
    this.#media.end();
    this.#transaction.reply(487);
  }

  onRenegotiated(peer: Leg, response: SipResponse): void {
    if (this.#offers || this.#isMadeUp)
      this.#media.answer(peer, response, (isDescribed) => this.#take(peer, response, isDescribed));
    // RFC 3261 §13.2.1: the 2xx holds the offer that the newcomer is to answer.
    else if (!hasSessionDescription(response)) this.#take(peer, response, false);
    else this.#media.offer(peer, response, (refusal) => this.#take(peer, response, refusal === undefined));
  }

  #take(peer: Leg, response: SipResponse, isDescribed: boolean): void {
    const replaced = this.#replaced;
    if (this.#cancelled) return;
    if (replaced.state !== 'confirmed' || peer.state !== 'confirmed' || !isDescribed) {
      if (peer.ack.held !== undefined) peer.ack.give(peer.ack.held);
      this.#media.end();
      this.#transaction.reply(isDescribed ? 481 : 503);
      return;
    }
    this.#media.take();
    const leg = newLeg(this.#transaction, replaced, this.#options);
    leg.media = this.#newcomer.media;
    leg.confirm();
    replaced.call.replaceLeg(replaced, leg);
    accept(leg, this.#transaction, response, this.#offers || this.#isMadeUp ? undefined : peer, peer);
    // §3: the dialog that was replaced is ended with BYE.
    replaced.hangUp(['SIP;cause=200;text="Replaced"']);
  }

  onRenegotiationFailed(_leg: Leg, status: number): void {
    this.#media.end();
    if (!this.#cancelled) this.#transaction.reply(status === 481 || status === 408 ? 480 : status);
  }
}

/** RFC 4028 §9: who asks for a session timer gets it, whatever place it takes. */
function sessionOf(env: CallEnvironment, request: SipRequest, options: LegOptions): SessionKeeper | undefined {
  return SessionKeeper.forIncoming(env, options.sessionTimer, request);
}

function newLeg(transaction: ServerTransaction, replaced: Leg, options: LegOptions): Leg {
  const { call } = replaced;
  const dialog = Dialog.createUas(transaction.request, transaction.localTag, options.contact);
  const leg = new Leg(call.registry, call, dialog, transaction.flow, options);
  leg.learn(transaction.request);
  leg.offers.request('remote', 'INVITE', hasSessionDescription(transaction.request));
  sessionOf(call.env, transaction.request, options)?.attach(leg);
  return leg;
}

function accept(
  leg: Leg,
  transaction: ServerTransaction,
  description: SipMessage,
  answers: Leg | undefined,
  party: ShownParty | undefined,
): void {
  const { request } = transaction;
  const response = createResponse(request, 200, undefined, { toTag: leg.dialog.localTag });
  response.headers.takeAll(request.headers, HeaderId.RecordRoute);
  addCapabilities(response, leg.options, leg.peer);
  addOwnHeaders(response, leg.options);
  relayBody(description, response);
  leg.session?.grant(response, request);
  leg.session?.described(response);
  showParty(response, party, leg);
  leg.offers.response('local', 'INVITE', 200, hasSessionDescription(response), true);
  leg.invites.accepted = new AcceptedInvite(leg, transaction, response, answers && { kind: 'answer', to: answers });
}

function mediaLines(body: string): number {
  let count = 0;
  for (let at = body.indexOf('m='); at >= 0; at = body.indexOf('m=', at + 2)) {
    if (at === 0 || body.charCodeAt(at - 1) === 0x0a) count++;
  }
  return count;
}
