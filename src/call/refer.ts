import { PeerError } from '../base/errors.ts';
import type { TimerTarget } from '../base/scheduler.ts';
import { retryAfterSeconds } from '../sip/dialog/index.ts';
import {
  formatUri,
  HeaderId,
  inBrackets,
  isSipUri,
  partyPrivacy,
  readTypedAddress,
  reasonPhrase,
  type SipRequest,
  type SipResponse,
  withheldBy,
} from '../sip/message/index.ts';
import { Attempt, type AttemptUser } from './attempt.ts';
import type { Branch } from './branch.ts';
import { tellParty } from './connected-identity.ts';
import { contactOf } from './contact.ts';
import { JoinedMedia } from './joined-media.ts';
import type { Leg, LegCall } from './leg.ts';
import { acknowledgeLocally } from './local-prack.ts';
import { MakingWay } from './making-way.ts';
import type { MediaEnd } from './media.ts';
import type { CallPlan, Rejection, StageOutcome } from './plan.ts';
import type { ServerTransaction } from './ports.ts';
import { ReferNotifier } from './refer-notifier.ts';
import { hasSessionDescription } from './relayed-headers.ts';
import { Renegotiation, type RenegotiationUser } from './renegotiation.ts';
import { replacesInUri } from './replaces.ts';
import { callerStatus } from './response-mapping.ts';

/** What a REFER asks for, once read. */
interface ReferTarget {
  readonly referTo: string;
  /** Attended transfer: the transferor's leg of its other call; `none` when no dialog of that name can be transferred to. */
  readonly replaced: Leg | 'none' | undefined;
  /** The transferor's other call, whose callee still rings; none where the transferee may not be called there. */
  readonly ringing?: LegCall | undefined;
}

/** A REFER of one party (RFC 3515): ends here, and moves the other party under the transferor's rules. */
export function startReferral(leg: Leg, transaction: ServerTransaction, request: SipRequest): void {
  const { call } = leg;
  if (leg.state !== 'confirmed' || leg.peer?.state !== 'confirmed') {
    transaction.reply(403, 'No Session To Transfer');
    return;
  }
  // One transfer at a time: a second one would move a party that is on its way.
  if (call.referral !== undefined) {
    transaction.reply(500, undefined, [[HeaderId.RetryAfter, String(retryAfterSeconds())]]);
    return;
  }
  let target: ReferTarget | Rejection;
  try {
    target = readTarget(leg, request);
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    transaction.reply(error.status, 'Bad Refer-To');
    return;
  }
  if ('status' in target) {
    transaction.reply(target.status, target.reason, target.headers);
    return;
  }
  const { replaced, ringing } = target;
  const plan = replaced === undefined && ringing === undefined ? planFor(leg, request, target.referTo) : undefined;
  if (plan !== undefined && 'status' in plan) {
    transaction.reply(plan.status, plan.reason, plan.headers);
    return;
  }
  // RFC 4488 §4: without a subscription when the transferor asks so.
  const silent =
    request.headers.lists(HeaderId.Require, 'norefersub') ||
    request.headers.value(HeaderId.ReferSub)?.trim().toLowerCase().startsWith('false') === true;
  if (silent && replaced === 'none') {
    transaction.reply(481);
    return;
  }
  transaction.reply(silent ? 200 : 202, undefined, [
    [HeaderId.Contact, contactOf(leg)],
    ...(silent ? ([[HeaderId.ReferSub, 'false']] as const) : []),
  ]);
  const notifier = silent ? undefined : new ReferNotifier(leg, request);
  const referral = new Referral(leg, leg.peer, target.referTo, notifier);
  call.referral = referral;
  if (replaced === 'none') referral.refuse(481);
  else if (replaced !== undefined) referral.join(replaced);
  else if (ringing !== undefined) referral.callInPlaceOf(ringing, request);
  else if (plan !== undefined) referral.call(plan, request.hopsAfter());
}

function readTarget(leg: Leg, request: SipRequest): ReferTarget | Rejection {
  const values = request.headers.fieldValues(HeaderId.ReferTo);
  // RFC 3515 §2.4.2: exactly one Refer-To. The validator has refused two that differ.
  if (values.length === 0) return { status: 400, reason: 'One Refer-To Expected' };
  const value = values[0] as string;
  // RFC 3261 §20: a URI with header fields stands in angle brackets; not every phone writes them.
  const address = readTypedAddress(value.includes('?') ? inBrackets(value) : value);
  if (address === undefined) return { status: 400, reason: 'Bad Refer-To' };
  const { uri } = address;
  if (!isSipUri(uri)) return uri.scheme === 'tel' ? { referTo: formatUri(uri), replaced: undefined } : { status: 416 };
  const method = uri.params.get('method');
  if (method !== undefined && method.toUpperCase() !== 'INVITE')
    return { status: 501, reason: 'Only INVITE Is Referred' };
  const replaces = replacesInUri(uri.headers);
  const referTo = formatUri(uri);
  if (replaces === undefined) return { referTo, replaced: undefined };
  const replaced = leg.call.registry.find(replaces.callId, replaces.toTag, replaces.fromTag);
  // RFC 3891 §3: what the INVITE with this Replaces would be answered. Without it the transfer would be another one, to somebody who rings.
  if (replaced === undefined || replaced.call === leg.call) return { referTo, replaced: 'none' };
  // RFC 5589 §7.6: to whom it rings still. Nobody can be connected yet, so the transferee rings there in its place.
  const toRinging = isOfOne(replaced, leg) ? readRinging(leg, replaced) : undefined;
  if (toRinging !== undefined) return toRinging;
  if (replaced.state !== 'confirmed' || replaced.peer?.state !== 'confirmed') return { referTo, replaced: 'none' };
  const { router } = leg.env;
  if (!router.mayReplace(leg.options, replaced.call, replaced)) return { status: 403 };
  if (leg.peer !== undefined && router.mayConnect?.(leg.peer.options, replaced.peer.options) === false)
    return { status: 403, reason: 'Not To Be Connected' };
  return { referTo, replaced };
}

/** Of a call that nobody has answered. Where the rules bar the transferee from there, they say so, and nothing is given up for it. */
function readRinging(leg: Leg, { call, isCallerSide }: Leg): ReferTarget | undefined {
  const { caller, record } = call;
  // One that was answered may wait for a PRACK before its caller hears of it.
  if (!isCallerSide || caller === undefined || caller.done || record.answeredAtMs !== undefined) return undefined;
  const referTo = caller.request.requestUri;
  const isRefused = leg.env.router.refusesPhone?.(leg.call, leg, referTo) === true;
  return { referTo, replaced: undefined, ringing: isRefused ? undefined : call };
}

/** Both are legs of one phone's party; legs over trunks are nobody's. */
function isOfOne({ options: { owner } }: Leg, { options }: Leg): boolean {
  return owner !== undefined && owner.number === options.owner?.number && owner.tenant === options.owner.tenant;
}

function planFor(leg: Leg, request: SipRequest, referTo: string): CallPlan | Rejection {
  const { headers } = request;
  // RFC 3323 §4.1: a phone that withholds itself in its REFER. The Referred-By of a trunk says whose transfer it is (Teams).
  const isWithheld = leg.options.trunkId === undefined && withheldBy(partyPrivacy(headers, 'calling')) !== undefined;
  return leg.env.router.referred(leg.call, leg, referTo, isWithheld ? undefined : headers.value(HeaderId.ReferredBy));
}

/**
 * A transfer under way. Until it succeeds, transferor and transferee are each other's peers as before; a transferor that hangs up in
 * the meantime (RFC 5589 §6) leaves the transferee waiting for the outcome.
 *
 * The new party is invited without a description (unless its plan's draft has one), so that its fresh offer can be put to the
 * transferee by re-INVITE, whose answer becomes the ACK (RFC 3725 §4.1): no stale hold of the transferor's is carried over.
 */
export class Referral implements AttemptUser, RenegotiationUser, TimerTarget {
  readonly relaysReliable = false;
  readonly methods: number | undefined;
  readonly #transferor: Leg;
  readonly #transferee: Leg;
  readonly #call: LegCall;
  readonly #referTo: string;
  readonly #notifier: ReferNotifier | undefined;
  /** What rings is being given up for it. */
  #way: MakingWay | undefined = undefined;
  #attempt: Attempt | undefined = undefined;
  #plan: CallPlan | undefined = undefined;
  /** The party that the transferee is being connected to. */
  #target: Leg | undefined = undefined;
  /** Attended: the transferor's leg that the transferee takes the place of. */
  #replaced: Leg | undefined = undefined;
  #renegotiation: Renegotiation | undefined = undefined;
  /** Of the two that are being connected. */
  #media: JoinedMedia | undefined = undefined;
  #transferorLeft = false;
  #done = false;

  constructor(transferor: Leg, transferee: Leg, referTo: string, notifier: ReferNotifier | undefined) {
    this.#transferor = transferor;
    this.#transferee = transferee;
    this.methods = transferee.methods;
    this.#call = transferor.call;
    this.#referTo = referTo;
    this.#notifier = notifier;
    notifier?.progress(100, 'Trying');
  }

  get mediaEnd(): MediaEnd {
    return this.#transferee.mediaEnd;
  }

  /** There is nobody to connect the transferee to. */
  refuse(status: number): void {
    this.#failed(status);
  }

  /** Blind: places the call that the transferor's rules allow. */
  call(plan: CallPlan, maxForwards: number): void {
    this.#plan = plan;
    this.#attempt = new Attempt(this.#call, plan, this, maxForwards);
    this.#attempt.start();
  }

  /** To whom `ringing` rings: that call is given up, and the plan made once it has ended, when its places are free for this one. */
  callInPlaceOf(ringing: LegCall, request: SipRequest): void {
    const next = () => {
      const plan = planFor(this.#transferor, request, this.#referTo);
      if ('status' in plan) this.#failed(plan.status, plan.reason);
      else this.call(plan, request.hopsAfter());
    };
    this.#way = new MakingWay(ringing, request, next, (error) => this.onFault(error));
  }

  /** Attended: connects the two other parties of the transferor's calls. */
  join(replaced: Leg): void {
    this.#replaced = replaced;
    this.#target = replaced.peer;
    if (this.#target === undefined) {
      this.#failed(481);
      return;
    }
    const target = this.#target;
    if (target.options.media?.needsOffer !== true) {
      this.#renegotiation = new Renegotiation(target, undefined, this, this.#transferee).start();
      return;
    }
    this.#media = new JoinedMedia(this.#call, this.#transferee, target);
    this.#media.makeUp((offer) => {
      if (this.#done) return;
      if (offer === undefined) this.#failed(488);
      else this.#renegotiation = new Renegotiation(target, offer, this, this.#transferee).start();
    });
  }

  onProgress(leg: Leg, response: SipResponse, rack: string | undefined): void {
    if (rack !== undefined) acknowledgeLocally(leg, rack);
    this.#notifier?.progress(response.status, response.reason);
  }

  onAnswered(_branch: Branch, leg: Leg, response: SipResponse, invite: SipRequest): void {
    this.#attempt = undefined;
    this.#target = leg;
    if (leg.offers.offeredBy === 'remote') leg.ack.hold(invite);
    else leg.ack.give(invite);
    this.#media = JoinedMedia.begun(this.#call, this.#transferee, leg);
    this.#offer(leg, response, undefined);
  }

  onFailed(rejection: Rejection, _outcome: StageOutcome | undefined): void {
    this.#attempt = undefined;
    this.#failed(callerStatus(rejection.status), rejection.reason);
  }

  onRenegotiated(leg: Leg, response: SipResponse): void {
    const media = this.#media;
    if (leg !== this.#target) {
      media?.answer(leg, response, (isDescribed) => {
        if (!this.#done) this.#connected(response, isDescribed);
      });
    } else if (media !== undefined) {
      // It has answered what was made up for the transferee.
      media.answer(leg, response, (isDescribed) => this.#offer(leg, response, isDescribed ? undefined : 503));
    } else {
      this.#media = new JoinedMedia(this.#call, this.#transferee, leg);
      this.#media.offer(leg, response, (refusal) => this.#offer(leg, response, refusal));
    }
  }

  /** What the target describes is offered to the transferee, unless that is refused before. */
  #offer(target: Leg, offer: SipResponse, refusal: number | undefined): void {
    if (this.#done) return;
    if (refusal !== undefined) this.onRenegotiationFailed(this.#transferee, refusal);
    // RFC 3261 §13.2.1: a 2xx to an INVITE without an offer holds one. Without, there is nothing to be connected by.
    else if (!hasSessionDescription(offer)) this.onRenegotiationFailed(this.#transferee, 488);
    else this.#renegotiation = new Renegotiation(this.#transferee, offer, this, target).start();
  }

  /** The transferee has answered the target's offer. */
  #connected(response: SipResponse, isDescribed: boolean): void {
    const target = this.#target;
    if (target === undefined || target.state !== 'confirmed' || !isDescribed) {
      this.onRenegotiationFailed(this.#transferee, 503);
      return;
    }
    if (target.ack.held !== undefined) target.ack.give(target.ack.held, response);
    this.#media?.take();
    this.#succeeded(target);
  }

  onRenegotiationFailed(leg: Leg, status: number): void {
    const target = this.#target;
    if (leg !== target && target?.ack.held !== undefined) target.ack.give(target.ack.held);
    this.#failed(status);
  }

  /** A leg of the call has left. True: the call goes on without it for now. */
  legLeft(leg: Leg): boolean {
    if (this.#done) return false;
    if (leg === this.#transferor) {
      this.#transferorLeft = true;
      return true;
    }
    if (leg === this.#target) {
      this.#failed(503);
      return true;
    }
    this.abandon();
    return false;
  }

  /** The call ends: so does its transfer. */
  abandon(): void {
    if (this.#done) return;
    this.#finish(487);
    this.#media?.end();
    this.#attempt?.cancel([]);
    this.#renegotiation?.stop();
    if (this.#replaced === undefined) this.#target?.hangUp();
  }

  onFault(error: unknown): void {
    this.#call.onFault(error);
  }

  /** A transferor that does not hang up after success is hung up. */
  onTimer(_kind: number): void {
    this.#transferor.hangUp();
  }

  #succeeded(target: Leg): void {
    const call = this.#call;
    const replaced = this.#replaced;
    this.#finish(200);
    call.record.transferredTo = this.#referTo;
    const other = target.call;
    if (replaced !== undefined) {
      replaced.peer = undefined;
      call.replaceLeg(this.#transferor, target);
      other.record.transferredTo = this.#referTo;
      for (const each of call.env.observers) each.onPartyMoved?.(other.record, call.record);
      other.partyMoved(target);
    } else {
      call.replaceLeg(this.#transferor, target);
    }
    const { env } = call;
    if (this.#transferor.state === 'confirmed') env.scheduler.schedule(env.timers.transferorByeMs, this, 0);
  }

  #failed(status: number, reason?: string): void {
    if (this.#done) return;
    this.#finish(status, reason);
    this.#media?.end();
    const target = this.#target;
    if (this.#replaced === undefined) target?.hangUp();
    // They were told of each other before it was sure.
    else if (target?.state === 'confirmed') tellParty(target, target.peer);
    if (this.#transferee.state === 'confirmed') tellParty(this.#transferee, this.#transferee.peer);
    // Nobody is left for the transferee to talk to.
    if (this.#transferorLeft) this.#call.end('engine', 'transfer-failed');
  }

  #finish(status: number, reason?: string): void {
    this.#done = true;
    this.#way?.stop();
    this.#call.referral = undefined;
    if (status === 200) this.#plan?.onAnswered?.();
    else this.#plan?.onEnd?.();
    this.#notifier?.final(status, reason ?? reasonPhrase(status));
  }
}
