import { added } from '../base/added.ts';
import { randomToken } from '../base/ids.ts';
import { Dialog } from '../sip/dialog/index.ts';
import {
  addDescription,
  createResponse,
  HeaderId,
  type HeaderList,
  mediaTypeOf,
  parseAccept,
  type SipRequest,
  type SipResponse,
  sessionDescriptionOf,
} from '../sip/message/index.ts';
import { AcceptedInvite } from './accepted-invite.ts';
import { addCapabilities, addOwnHeaders, allowOf, methodsOf } from './capabilities.ts';
import { showAnswering } from './connected-identity.ts';
import { carryCall } from './contact.ts';
import { addressOf } from './destination.ts';
import type { Half } from './halves.ts';
import { Leg, type LegCall } from './leg.ts';
import type { MediaEnd } from './media.ts';
import { nearPlaceOf } from './media.ts';
import type { CallPlan, LegOptions } from './plan.ts';
import type { ContactParty, ServerTransaction, ServerTransactionUser, ShownParty } from './ports.ts';
import type { PassedResponse } from './refusal.ts';
import {
  clearBody,
  clearDescription,
  hasSessionDescription,
  relayAccepted,
  relayAllowed,
  relayBody,
  relayResponseHeaders,
} from './relayed-headers.ts';
import { ReliableRelay, type ReliableRelayUser } from './reliable-relay.ts';
import { tellRinging } from './ringing-between-nodes.ts';
import { SessionKeeper } from './session-keeper.ts';
import { type DescribedSnapshot, type WaitingCancel, type WaitingSnapshot, waitingInvite } from './waiting.ts';

/** Those who are called; `Attempt` is it. */
interface AskedParties {
  /** What would cancel them all. */
  cancellations(): readonly WaitingCancel[];
}

const NO_LEGS: readonly Leg[] = [];
const DEFAULT_RING_MS = 180_000;

/**
 * The caller's INVITE until its final response.
 *
 * Tags: the caller sees one early dialog, with one tag, for as long as nothing but ringing was relayed: stages and branches change
 * behind it unseen. A callee whose session description is relayed gets a dialog of its own (the one that is there if it is still
 * undescribed, else one with a new tag), because a second description in the same dialog would have to be ignored
 * (RFC 3261 §13.2.1, RFC 6337 §3.1.1). That is what a forking proxy would show the caller, and every phone handles.
 */
export class CallerInvite implements ServerTransactionUser, ReliableRelayUser {
  readonly call: LegCall;
  readonly request: SipRequest;
  readonly #transaction: ServerTransaction;
  readonly options: LegOptions;
  readonly #plan: Pick<CallPlan, 'warnings' | 'reasons'>;
  /** What the caller can do, as `methodsOf` reads it; undefined when it has not said. */
  readonly methods: number | undefined;
  readonly supportsReliable: boolean;
  readonly #requiresReliable: boolean;
  /** The response after too long a ringing: RFC 3261 §13.3.1 has another one where the INVITE itself has expired. */
  unanswered: 480 | 487 = 480;
  #session: SessionKeeper | undefined;
  #legs: readonly Leg[] = NO_LEGS;
  /** Of the first leg. */
  #dialog: Dialog | undefined = undefined;
  /** The 2xx that waits until descriptions sent reliably are acknowledged (RFC 3262 §3). */
  #heldAnswer: { readonly leg: Leg; readonly response: SipResponse; readonly answers: Leg | undefined } | undefined =
    undefined;
  /** Where another node sends it. */
  readonly #half: Half | undefined;
  /** Another process has given the caller this description, in the dialog of the first leg, until whoever made it is heard again. */
  #described: DescribedSnapshot | undefined;
  #done = false;

  constructor(
    call: LegCall,
    transaction: ServerTransaction,
    plan: Pick<CallPlan, 'callerLeg' | 'warnings' | 'reasons'>,
  ) {
    const options = plan.callerLeg;
    const { headers } = transaction.request;
    this.call = call;
    this.request = transaction.request;
    this.#transaction = transaction;
    this.options = options;
    this.#plan = plan;
    this.#described = call.resumption?.caller.described;
    this.methods = headers.has(HeaderId.Allow) ? methodsOf(headers) : undefined;
    this.#requiresReliable = headers.lists(HeaderId.Require, '100rel');
    this.supportsReliable = this.#requiresReliable || headers.lists(HeaderId.Supported, '100rel');
    this.#session = SessionKeeper.forIncoming(call.env, options.sessionTimer, transaction.request);
    transaction.user = this;
    call.retain();
    this.#half = this.#halfWith(call.record.facts.peerNode);
    if (this.#half !== undefined) call.registry.halves.add(this.#half);
  }

  /** The caller, as whoever takes the call may be shown it. */
  get party(): ShownParty {
    const { identity, anonymous } = this.options;
    return { identity, identityWithheld: anonymous === true };
  }

  get mediaEnd(): MediaEnd {
    return { media: this.options.media, address: addressOf(this.#transaction.flow) };
  }

  /** The caller's side of the dialog as it will be, for the Contacts of those who are called. */
  get contactParty(): ContactParty {
    const dialog = this.#legs[0]?.dialog ?? this.#firstDialog();
    return {
      options: this.options,
      destination: this.#transaction.flow,
      dialog,
      session: undefined,
      methods: this.methods,
    };
  }

  /** The INVITE as it came, where from, and what of its responses the final one has to go with. */
  waiting(): Pick<WaitingSnapshot, 'invite' | 'from' | 'tag' | 'described'> | undefined {
    if (this.#done) return undefined;
    const hasReliable = this.#legs.some(({ early }) => early?.reliable !== undefined);
    const described = this.#described ?? this.#legs.flatMap(({ early }) => describedIn(early) ?? []).at(-1);
    return {
      ...waitingInvite(this.#transaction),
      ...(!hasReliable && { tag: this.#transaction.localTag }),
      ...(described !== undefined && { described }),
    };
  }

  get done(): boolean {
    return this.#done;
  }

  /** How long the call may ring. RFC 3261 §13.2.1: an Expires of the INVITE shortens the wait. */
  ringLimitMs({ ringTimeoutMs: limitMs = DEFAULT_RING_MS }: Pick<CallPlan, 'ringTimeoutMs'>): number {
    const expires = Number.parseInt(this.request.headers.value(HeaderId.Expires) ?? '', 10);
    if (!(expires > 0 && expires * 1000 < limitMs)) return limitMs;
    this.unanswered = 487;
    return expires * 1000;
  }

  /** 422 for a session interval that is too small (RFC 4028 §9). */
  intervalRefusal(): { readonly status: number; readonly headers: HeaderList } | undefined {
    return this.#session?.refusal(this.request);
  }

  /** Relays a provisional response of `callee`. `rack` is set when it is reliable there and waits for the caller's PRACK. @param asked who rings */
  progress(callee: Leg, response: SipResponse, rack: string | undefined, asked: AskedParties | undefined): void {
    if (this.#done || this.#heldAnswer !== undefined) return;
    // RFC 6228 §4: only to who supports it. It says that one early dialog of a fork has ended, and the caller has another.
    if (response.status === 199 && rack === undefined) return;
    const described = hasSessionDescription(response);
    const leg = this.#legFor(callee, described || rack !== undefined);
    const relayed = this.#response(leg, response.status, response);
    if (this.#half !== undefined) {
      const before = tellRinging(relayed, this.request, asked?.cancellations() ?? []);
      if (before !== undefined) this.#transaction.respond(before);
    }
    const { early } = leg;
    if (early === undefined) return;
    const isReliable = rack !== undefined || this.#requiresReliable;
    if (described) {
      const sdp = sessionDescriptionOf(relayed);
      early.told = hasSessionDescription(this.request) ? sdp : undefined;
      early.described = !isReliable && owesAnswer(leg, callee) ? sdp : undefined;
    }
    if (!isReliable) {
      leg.respond(this.#transaction, relayed);
      return;
    }
    // RFC 3262 §5: it would be an offer, and the callee, whose own response is none, waits for no answer.
    if (described && rack === undefined && !hasSessionDescription(this.request)) clearDescription(relayed);
    early.reliable ??= new ReliableRelay(leg, this.#transaction, this);
    early.reliable.relay(relayed, rack === undefined ? undefined : callee, rack ?? '');
  }

  /** Answers the caller with the 2xx of `callee`, whose ACK waits for the caller's when `answers` says so. Returns the caller's leg. */
  answer(callee: Leg, response: SipResponse, answers: boolean): Leg {
    const leg = this.#legFor(callee, true);
    const relayed = this.#response(leg, response.status, response);
    this.#session?.attach(leg);
    this.#session?.grant(relayed, this.request);
    carryCall(relayed, leg, callee);
    this.#session?.described(relayed);
    this.#session = undefined;
    this.#dropLegs(leg);
    this.#heldAnswer = { leg, response: relayed, answers: answers ? callee : undefined };
    if (leg.early?.reliable?.holdsDescription !== true) this.#sendAnswer();
    return leg;
  }

  /** Refuses the INVITE, unless it has its final response already. `from` is the callee's refusal that is passed on, if any. */
  refuse(status: number, reason?: string, headers: HeaderList = [], from?: PassedResponse): void {
    if (this.#done) return;
    this.#finish();
    this.#heldAnswer?.leg.hangUp();
    this.#heldAnswer = undefined;
    const response = createResponse(this.request, status, reason, { toTag: this.#transaction.localTag, headers });
    addOwnHeaders(response, this.options);
    this.#addWarnings(response);
    if (from !== undefined) {
      relayResponseHeaders(from.response.headers, response.headers, this, from.by);
      if (status === 415) relayAccepted(from.response, response);
      if (status === 405) relayAllowed(from.response, response, 'INVITE', allowOf(undefined));
      relayBody(from.response, response);
    }
    this.#dropLegs(undefined);
    this.#session?.stop();
    this.#session = undefined;
    this.#transaction.respond(response);
    this.call.release();
  }

  /** Another node answers it: nothing of it is left here. */
  leave(): void {
    if (this.#done) return;
    this.#finish();
    this.#heldAnswer = undefined;
    this.#session?.stop();
    this.#session = undefined;
    for (const leg of this.#legs) leg.leave();
    this.#legs = NO_LEGS;
    this.#transaction.leave();
  }

  onCancel(cancel: SipRequest): void {
    this.call.callerGaveUp(cancel);
  }

  onDescriptionsAcknowledged(): void {
    if (this.#heldAnswer !== undefined) this.#sendAnswer();
  }

  onNoPrack(): void {
    // RFC 3262 §3: the INVITE SHOULD be rejected with a 5xx.
    this.call.callerLost();
  }

  #response(leg: Leg, status: number, from: SipResponse): SipResponse {
    const response = createResponse(this.request, status, from.reason, { to: leg.dialog.localAddress, room: 10 });
    // RFC 3261 §12.1.1: Record-Route is copied into responses that make a dialog.
    response.headers.takeAll(this.request.headers, HeaderId.RecordRoute);
    addCapabilities(response, this.options, leg.peer);
    addOwnHeaders(response, this.options);
    this.#addWarnings(response);
    if (status < 200) for (const reason of this.#plan.reasons?.() ?? []) response.headers.add(HeaderId.Reason, reason);
    relayResponseHeaders(from.headers, response.headers, this, leg.peer);
    showAnswering(response, leg.peer, leg);
    relayBody(from, response);
    if (status >= 200) this.#describe(response, leg.early?.described);
    return response;
  }

  /**
   * RFC 3261 §13.2.1: a callee whose answer was acknowledged need not repeat it; to a caller that sent no PRACK the 2xx has to. What else
   * the 2xx holds (ISUP) stays beside it for a caller that reads several parts; for another it is the description that counts (§20.1).
   */
  #describe(response: SipResponse, described: string | undefined): void {
    if (described === undefined || hasSessionDescription(response)) return;
    const { headers } = this.request;
    const readsParts =
      mediaTypeOf(headers.value(HeaderId.ContentType) ?? '').startsWith('multipart/') ||
      parseAccept(headers.listValues(HeaderId.Accept)).takes('multipart/mixed');
    if (!readsParts) clearBody(response);
    addDescription(response, described);
  }

  /** What was passed over while this call was routed (RFC 3261 §20.43), before what the callee itself warns of. */
  #addWarnings(response: SipResponse): void {
    for (const warning of this.#plan.warnings?.() ?? []) response.headers.add(HeaderId.Warning, warning);
  }

  #sendAnswer(): void {
    const held = this.#heldAnswer;
    if (held === undefined) return;
    const { leg, response, answers } = held;
    this.#heldAnswer = undefined;
    this.#finish();
    // The transaction lingers for half a minute; the call must not for its sake.
    this.#transaction.user = undefined;
    leg.confirm();
    leg.invites.accepted = new AcceptedInvite(
      leg,
      this.#transaction,
      response,
      answers && { kind: 'answer', to: answers },
    );
    this.call.release();
  }

  #finish(): void {
    this.#done = true;
    if (this.#half !== undefined) this.call.registry.halves.remove(this.#half);
  }

  #halfWith(node: string | undefined): Half | undefined {
    if (node === undefined) return undefined;
    const { call } = this;
    const remoteTag = () => (this.#legs.length > 0 ? this.request.fromTag() : undefined);
    return {
      node,
      callId: call.record.callerCallId,
      localTag: this.#transaction.localTag,
      get remoteTag() {
        return remoteTag();
      },
      lost: () => call.end('engine', 'node-ended'),
      onFault: (error) => call.onFault(error),
    };
  }

  /** The caller's side of `callee`; `own` wants one that no other callee has described. */
  #legFor(callee: Leg, own: boolean): Leg {
    const bound = callee.peer;
    const by = bound?.early?.describedBy;
    if (bound !== undefined && (by === callee || (!own && by === undefined))) {
      bound.media = nearPlaceOf(callee.media);
      return bound;
    }
    const leg =
      this.#describedLeg(callee) ?? this.#legs.find((each) => each.early?.describedBy === undefined) ?? this.#newLeg();
    if (own && leg.early !== undefined) leg.early.describedBy = callee;
    leg.peer = callee;
    leg.media = nearPlaceOf(callee.media);
    callee.peer = leg;
    return leg;
  }

  /** Where another process has told the caller of this callee; nobody else's description may come in that dialog. */
  #describedLeg(callee: Leg): Leg | undefined {
    const described = this.#described;
    if (described === undefined) return undefined;
    const leg = this.#legs[0] ?? this.#newLeg();
    const isOf = described.callId === callee.dialog.callId && described.tag === callee.dialog.remoteTag;
    if (leg.early === undefined) return undefined;
    leg.early.describedBy = isOf ? callee : leg;
    if (!isOf) return undefined;
    leg.early.told = described.sdp;
    leg.early.described = described.sdp;
    this.#described = undefined;
    return leg;
  }

  /** Whoever needs it first makes it. */
  #firstDialog(): Dialog {
    this.#dialog ??= Dialog.createUas(this.request, this.#transaction.localTag, this.options.contact);
    return this.#dialog;
  }

  #newLeg(): Leg {
    const { call, request } = this;
    const isFirst = this.#legs.length === 0;
    const dialog = isFirst ? this.#firstDialog() : Dialog.createUas(request, randomToken(), this.options.contact);
    const leg = new Leg(call.registry, call, dialog, this.#transaction.flow, this.options);
    leg.methods = this.methods;
    leg.offers.request('remote', 'INVITE', hasSessionDescription(request));
    if (!isFirst) call.record.callerTags = added(call.record.callerTags, dialog.localTag);
    this.#legs = added(this.#legs, leg);
    return leg;
  }

  #dropLegs(keep: Leg | undefined): void {
    for (const leg of this.#legs) if (leg !== keep) leg.hangUp();
    this.#legs = NO_LEGS;
  }
}

function describedIn(early: Leg['early']): DescribedSnapshot | undefined {
  const { describedBy, told } = early ?? {};
  if (describedBy === undefined) return undefined;
  const { callId, remoteTag: tag } = describedBy.dialog;
  return { callId, tag, ...(told !== undefined && { sdp: told }) };
}

/** Whether what `callee` describes is an answer (without an offer it would be one itself, which nobody has made), and `leg` has none yet. */
function owesAnswer({ offers, early }: Leg, callee: Leg): boolean {
  if (offers.established || early?.reliable?.holdsDescription === true) return false;
  return callee.offers.established || callee.offers.offeredBy === 'local';
}
