import type { MediaRefusal, MediaSession } from '../media/index.ts';
import type { DigestClient } from '../sip/auth/index.ts';
import {
  Dialog,
  type IntervalRefusal,
  OfferAnswer,
  type RunningInterval,
  TARGET_REFRESH,
} from '../sip/dialog/index.ts';
import {
  createResponse,
  HeaderId,
  type HeaderList,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import type { GivenUpInvite, LateUser } from './abandoned-invites.ts';
import { addOwnHeaders, allows, methodsOf } from './capabilities.ts';
import { contactOf, fitDatagram } from './contact.ts';
import { addressOf, followPhone, hopOf } from './destination.ts';
import type { Halves } from './halves.ts';
import { LegInvites, type UnacknowledgedAnswer } from './leg-invites.ts';
import { CONFIRMED, EarlyDialog, GONE, type Phase } from './leg-phase.ts';
import { LegRequest, type LegRequestUser, type LegState } from './leg-request.ts';
import type { MediaEnd, MediaOffer, MediaPlace } from './media.ts';
import { type AcknowledgingLeg, OwedAck } from './owed-ack.ts';
import type { BranchPlan, LegOptions } from './plan.ts';
import type {
  CallEnvironment,
  ClientTransaction,
  ClientTransactionUser,
  ContactParty,
  Destination,
  ServerTransaction,
  ShownParty,
} from './ports.ts';
import type { EndedBy, LiveRecord } from './record.ts';
import { hasSessionDescription, relayBody, relayOwnHeaders } from './relayed-headers.ts';
import type { Resumption, RingingInvite } from './resumption.ts';
import { type LegSnapshot, legSnapshot, type Reacher, type SessionSnapshot } from './snapshot.ts';
import { standInFor } from './stand-in.ts';

/** The session timer with the peer; `SessionKeeper` is it. */
interface LegSession {
  ask(request: SipRequest): void;
  granted(response: SipResponse): void;
  receive422(response: SipResponse): boolean;
  refusal(request: SipRequest): IntervalRefusal | undefined;
  grant(response: SipResponse, request: SipRequest): void;
  described(message: SipMessage): void;
  refresh(): void;
  readonly interval: RunningInterval | undefined;
  /** The peer has been asked for an offer, which the other party is to answer. */
  readonly describesAnew: boolean;
  /** What of it outlives the process; undefined when no interval runs. */
  snapshot(): SessionSnapshot | undefined;
  stop(): void;
}

/** What means the body of a BYE, not its dialog; 413 and 513 its length. */
const REFUSING_BODY: ReadonlySet<number> = new Set([400, 413, 415, 488, 493, 513, 606]);

/** Where legs live; `Calls` is it. */
export interface LegRegistry {
  readonly halves: Pick<Halves, 'add' | 'remove'>;
  add(leg: Leg): void;
  remove(leg: Leg): void;
  /** An INVITE was given up without a final response: `late` hears the 2xx that may still come. */
  abandon(invite: GivenUpInvite, late: LateUser): void;
  /** In the name of the process that has asked. */
  cancelRinging(ringing: RingingInvite): void;
  /** The leg of a dialog, for Replaces. */
  find(callId: string, localTag: string, remoteTag: string): Leg | undefined;
}

/** Of the caller until its INVITE has its final response; `CallerInvite` is it. */
interface WaitingCaller {
  readonly request: SipRequest;
  readonly contactParty: ContactParty;
  readonly party: ShownParty;
  readonly mediaEnd: MediaEnd;
  readonly done: boolean;
}

/** What the parties of a call, and what is under way between them, ask of it; `Call` is it. */
export interface LegCall {
  readonly env: CallEnvironment;
  readonly registry: LegRegistry;
  readonly record: LiveRecord;
  readonly caller: WaitingCaller | undefined;
  /** What another process has begun of it. */
  readonly resumption?: Pick<Resumption, 'caller'> | undefined;
  /** From the answer, ms; undefined: none. */
  readonly sessionLimitMs: number | undefined;
  /** A transfer under way. */
  referral: { legLeft(leg: Leg): boolean; abandon(): void } | undefined;
  /** Something of it is another than its snapshot says: a target, a sequence number, a session interval. */
  changed(): void;
  /** One more thing has to end before the call has ended. */
  retain(): void;
  release(): void;
  /**
   * The caller has given up for another call: `then` is called when all who rang have ended. Its places are kept until what is returned
   * is called: with true nobody who rang is waited for any longer, with false each is as in any call that was given up.
   */
  makeWay(request: SipRequest, then: () => void): (isEnd: boolean) => void;
  /** A request within the dialog of `leg` that is in order there. */
  receive(leg: Leg, transaction: ServerTransaction, request: SipRequest): void;
  /** The caller cancels, or sends BYE in its early dialog. */
  callerGaveUp(request: SipRequest): void;
  /** The caller does not answer any more. */
  callerLost(): void;
  /** A confirmed leg was left with BYE. */
  legLeft(leg: Leg, bye: SipRequest): void;
  /** A leg's dialog turned out to be gone on the far side. */
  legLost(leg: Leg, reason: string): void;
  replaceLeg(leg: Leg, newcomer: Leg): void;
  partyMoved(leg: Leg): void;
  /** It is a part of another call now, or of another node. */
  forget(): void;
  pickedUp(newcomer: Leg, response: SipResponse): boolean;
  end(by: EndedBy, reason: string, reasons?: readonly string[]): void;
  /** A defect met it where no message is being handled, whose boundary would catch it: it ends. */
  onFault(error: unknown): void;
  /** Media between two parties, as a part of this call; undefined: their descriptions pass as they are. */
  openMedia(near: MediaEnd, far: MediaEnd, offer: MediaOffer): MediaSession | MediaRefusal | undefined;
}

/**
 * One party's side of a call: a dialog, where its messages go, and what is under way in it. Once a call is answered both sides are
 * alike; what comes in on one leg is relayed to its `peer` (`in-dialog.ts` says what). A leg counts for its call from the moment it
 * is confirmed until it is `gone`, which every way out of `confirmed` leads to: BYE received, BYE answered, BYE unanswered.
 */
export class Leg implements LegRequestUser, AcknowledgingLeg {
  readonly env: CallEnvironment;
  readonly options: LegOptions;
  readonly dialog: Dialog;
  call: LegCall;
  destination: Destination;
  nextHeld: Leg | undefined = undefined;
  /** The other side; undefined for a transferor whose place was taken. */
  peer: Leg | undefined = undefined;
  /** Who this party is, as the other one may be shown it. */
  identity: string | undefined;
  identityWithheld: boolean;
  /** The party, or this engine for it, says so; not only what was dialled. */
  identityAsserted: boolean;
  /** What ends with this leg: the reservation of the branch that won. */
  reservation: BranchPlan['onEnd'] = undefined;
  /** What the peer's latest Allow lists, as `methodsOf` reads it; undefined until it sent one. */
  methods: number | undefined = undefined;
  /** Whose turn it is in offer/answer with this peer. */
  readonly offers = new OfferAnswer();
  session: LegSession | undefined = undefined;
  /** Hears the 2xx that may still come to it. */
  lateAnswers: { legEnded(): void } | undefined = undefined;
  /** `address:port` that the peer's Contact or Record-Route names and that takes no connection. */
  unreachable: string | undefined = undefined;
  /** Undefined: what the party describes passes as it is. */
  media: MediaPlace | undefined = undefined;
  /** The BYE of the peer. */
  leftWith: SipRequest | undefined = undefined;
  /** Relayed requests under way toward this leg. */
  relays = 0;
  readonly #registry: LegRegistry;
  #credentials: DigestClient | undefined = undefined;
  #phase: Phase<Leg> = new EarlyDialog();
  #invites: LegInvites<Leg> | undefined = undefined;
  /** Of a peer that has been sent an INVITE. */
  #ack: OwedAck | undefined = undefined;

  constructor(registry: LegRegistry, call: LegCall, dialog: Dialog, destination: Destination, options: LegOptions) {
    this.#registry = registry;
    this.env = call.env;
    this.call = call;
    this.dialog = dialog;
    this.destination = destination;
    this.options = options;
    this.identity = options.identity;
    this.identityWithheld = options.anonymous === true;
    this.identityAsserted = options.owner !== undefined;
    registry.add(this);
  }

  get state(): LegState {
    return this.#phase.kind;
  }

  /** What requests of the peer find it by. */
  get token(): string {
    return this.dialog.localTag;
  }

  /** This engine is the called side of the dialog. */
  get isCallerSide(): boolean {
    return this.dialog.role === 'uas';
  }

  /** What answers challenges of this peer: those of the trunk that it is, whoever opened the dialog. */
  get credentials(): DigestClient | undefined {
    const { trunkId } = this.options;
    if (this.#credentials !== undefined) return this.#credentials;
    return trunkId === undefined ? undefined : this.env.peers.credentials?.(trunkId);
  }

  set credentials(client: DigestClient | undefined) {
    this.#credentials = client;
  }

  /** What the 2xx of this peer are owed. */
  get ack(): OwedAck {
    this.#ack ??= new OwedAck(this);
    return this.#ack;
  }

  get mediaEnd(): MediaEnd {
    const { media } = this.options;
    return { media, address: addressOf(this.destination), ...(media?.steady === true && { place: this.media }) };
  }

  /** Of a peer that takes no re-INVITE. */
  get standIn(): ((request: SipRequest, answer: (response: SipResponse) => void) => void) | undefined {
    if (this.options.media?.steady !== true) return undefined;
    return (request, answer) => standInFor(this, request, answer);
  }

  /** The peer's Allow lists UPDATE. */
  get allowsUpdate(): boolean {
    return allows(this.methods, 'UPDATE') === true;
  }

  get invites(): LegInvites<Leg> {
    this.#invites ??= new LegInvites();
    return this.#invites;
  }

  get early(): EarlyDialog<Leg> | undefined {
    return this.#phase.kind === 'early' ? this.#phase : undefined;
  }

  /** A 2xx made the dialog a session; from now on the call waits for this leg's end. */
  confirm(response?: SipResponse): void {
    const { early } = this;
    if (early === undefined) return;
    this.#endReliable();
    this.dialog.confirm(response);
    this.#phase = early.reliable?.isOwed === true ? { kind: 'confirmed', overtaken: early.reliable } : CONFIRMED;
    this.call.retain();
  }

  /** A confirmed leg of another process, as part of `call`; its session goes on with `SessionKeeper.restore`. */
  static restore(registry: LegRegistry, call: LegCall, of: LegSnapshot, reach: Reacher): Leg {
    const leg = new Leg(registry, call, Dialog.restore(of.dialog), reach(of.place, of.options), of.options);
    leg.identity = of.identity;
    leg.identityWithheld = of.identityWithheld;
    leg.identityAsserted = of.identityAsserted;
    leg.methods = of.methods;
    leg.#phase = CONFIRMED;
    call.retain();
    return leg;
  }

  /** Undefined for a leg that is not confirmed, or is being left, unless its call is kept as one that `isEnding`. */
  snapshot(isEnding = false): LegSnapshot | undefined {
    if (this.state !== 'confirmed' && !isEnding) return undefined;
    return legSnapshot(this);
  }

  /** The leg goes on as a part of another call. */
  moveTo(call: LegCall): void {
    if (this.call === call) return;
    const former = this.call;
    this.call = call;
    if (this.state === 'early') return;
    call.retain();
    former.release();
  }

  /** Learns what the peer can do from any message of it. */
  learn(message: SipMessage): void {
    if (message.headers.has(HeaderId.Allow)) this.methods = methodsOf(message.headers);
  }

  // --- sending ---

  createRequest(method: string): SipRequest {
    this.call.changed();
    if (TARGET_REFRESH.has(method)) contactOf(this);
    const request = this.dialog.createRequest(method);
    addOwnHeaders(request, this.options);
    return request;
  }

  /** Whether a request may be sent now without colliding with what is under way (RFC 3261 §14.1, RFC 3311 §5.1). */
  mayStart(method: string, hasDescription: boolean): boolean {
    if (this.state !== 'confirmed' && (this.state !== 'early' || method === 'INVITE')) return false;
    // §14.1: nor while our own 2xx waits for its ACK, or theirs for ours.
    if (method === 'INVITE' && (this.#invites?.accepted !== undefined || this.#ack?.held !== undefined)) return false;
    return this.offers.maySend(method, hasDescription);
  }

  /** Answers a request of this peer. */
  respond(transaction: ServerTransaction, response: SipResponse): void {
    const { method } = transaction.request;
    const reliable = response.status >= 200 || response.headers.has(HeaderId.RSeq);
    this.offers.response('local', method, response.status, hasSessionDescription(response), reliable);
    fitDatagram(response, transaction.flow, this);
    transaction.respond(response);
    this.call.changed();
  }

  reply(transaction: ServerTransaction, status: number, headers: HeaderList = []): void {
    const response = createResponse(transaction.request, status, undefined, { headers });
    addOwnHeaders(response, this.options);
    this.respond(transaction, response);
  }

  transmit(request: SipRequest, user: ClientTransactionUser): ClientTransaction {
    const hop = hopOf(this.env, this);
    fitDatagram(request, hop, this);
    return this.env.endpoint.sendRequest(request, hop, user, this.options);
  }

  sendAck(ack: SipRequest, invitation: ClientTransaction | undefined): Flow {
    return this.env.endpoint.sendAck(ack, hopOf(this.env, this), this.options, invitation);
  }

  // --- receiving ---

  /** A request within this dialog. */
  receive(transaction: ServerTransaction, request: SipRequest): void {
    if (!this.#plausible(transaction.flow, request)) {
      transaction.reply(481);
      return;
    }
    transaction.admit();
    // §12.2.2: out of order is 500.
    const refusal = this.dialog.receiveRequest(request);
    if (refusal !== undefined) {
      transaction.reply(refusal.status, refusal.reason);
      return;
    }
    followPhone(this, transaction.flow, request);
    this.learn(request);
    this.call.changed();
    this.call.receive(this, transaction, request);
  }

  /** False: it acknowledges no provisional response that was given to this peer. */
  receivePrack(transaction: ServerTransaction, request: SipRequest): boolean {
    const phase = this.#phase;
    if (phase.kind === 'early') return phase.reliable?.receivePrack(transaction, request) === true;
    if (phase.kind !== 'confirmed' || phase.overtaken?.receivePrack(transaction, request) !== true) return false;
    this.#phase = CONFIRMED;
    return true;
  }

  /** An ACK to a 2xx of this dialog. */
  receiveAck(request: SipRequest, flow: Flow): void {
    const invites = this.#invites;
    if (invites?.accepted === undefined) return;
    const { accepted } = invites;
    if (request.cseq().sequence !== accepted.sequence || !this.#plausible(flow, request)) return;
    invites.accepted = undefined;
    this.offers.request('remote', 'ACK', hasSessionDescription(request));
    accepted.acknowledged(request);
    this.#sendBye();
    invites.awaited?.acknowledged();
  }

  /** The peer answered a 2xx with nothing for 64*T1. */
  ackMissing(accepted: UnacknowledgedAnswer): void {
    if (this.#invites?.accepted !== accepted) return;
    this.#invites.accepted = undefined;
    if (this.state === 'leaving') {
      this.#sendBye();
      return;
    }
    // RFC 3261 §13.3.1.4: the session SHOULD be terminated with a BYE.
    this.call.end('engine', 'no-ack');
  }

  // --- ending ---

  /** `bye` received, or the dialog is known to be lost (481, or 408 to a refresh): nothing is owed on this leg any more. */
  leave(bye?: SipRequest): void {
    this.leftWith = bye;
    this.#dropPending();
    this.#invites?.stopAccepted();
    this.#gone();
  }

  /** Ends the leg with a BYE, as soon as RFC 3261 §15 allows one. `reasons` are Reason header field values. */
  hangUp(reasons: readonly string[] = []): void {
    if (this.state === 'early') {
      this.#gone();
      return;
    }
    if (this.state !== 'confirmed') return;
    this.#phase = { kind: 'leaving', reasons, isByeSent: false };
    this.#endMedia();
    this.session?.stop();
    this.#dropPending();
    // §15: the callee's UA MUST NOT send a BYE until it has received an ACK for its 2xx or the server transaction timed out.
    if (this.#invites?.accepted !== undefined) return;
    if (this.#ack?.held !== undefined) this.#ack.give(this.#ack.held);
    this.#sendBye();
  }

  /** BYE answered, whatever the answer, once it has no body: 2xx, 408 and 481 all mean that the session is over (§15.1.1). */
  onLegResponse({ status }: SipResponse, { request }: LegRequest): void {
    if (status < 200) return;
    // RFC 5621 §3.3: its body alone is refused, and the peer's dialog stands.
    if (this.#phase.kind === 'leaving' && request.body !== '' && REFUSING_BODY.has(status))
      this.#sendByeWith(this.#phase.reasons, false);
    else this.#gone();
  }

  onLegSilence(_status: number, _request: LegRequest): void {
    this.#gone();
  }

  /** A defect met what is under way here at a timer. */
  onFault(error: unknown): void {
    const isByeSent = this.#phase.kind === 'leaving' && this.#phase.isByeSent;
    this.call.onFault(error);
    if (isByeSent) this.#gone();
  }

  /** The BYE that is owed, once. */
  #sendBye(): void {
    const phase = this.#phase;
    if (phase.kind !== 'leaving' || phase.isByeSent) return;
    phase.isByeSent = true;
    this.#sendByeWith(phase.reasons, true);
  }

  #sendByeWith(reasons: readonly string[], withBody: boolean): void {
    const bye = this.createRequest('BYE');
    for (const reason of reasons) bye.headers.add(HeaderId.Reason, reason);
    const { peer } = this;
    if (peer?.leftWith !== undefined) {
      relayOwnHeaders(peer.leftWith.headers, bye.headers, this, peer);
      // What it says belongs to the signalling beyond SIP: a REL (ITU-T Q.1912.5), a charge (3GPP TS 24.647). There is nothing to describe.
      if (withBody && !hasSessionDescription(peer.leftWith)) relayBody(peer.leftWith, bye);
    }
    new LegRequest(this, bye, this).send();
  }

  #dropPending(): void {
    this.#invites?.abandon(this);
    this.#endReliable();
  }

  #endReliable(): void {
    this.early?.reliable?.end();
  }

  #gone(): void {
    if (this.state === 'gone') return;
    const counted = this.state !== 'early';
    this.#endReliable();
    this.#phase = GONE;
    if (counted) this.#endMedia();
    this.#invites?.awaited?.abandon(this);
    this.#invites?.stopAccepted();
    this.session?.stop();
    this.session = undefined;
    this.#ack?.forget();
    this.lateAnswers?.legEnded();
    this.lateAnswers = undefined;
    this.dialog.terminate();
    this.#registry.remove(this);
    const { reservation } = this;
    this.reservation = undefined;
    reservation?.('answered');
    if (counted) this.call.release();
  }

  /** A peer that stays as it is keeps what it talks through, for whoever it is connected to next; it ends with that peer. */
  #endMedia(): void {
    const { media, peer } = this;
    const isKept = peer?.standIn !== undefined && peer.state === 'confirmed' && peer.media?.session === media?.session;
    if (!isKept) media?.session.end();
  }

  /** Behaviour 19. */
  #plausible(flow: Flow, request: SipRequest): boolean {
    const { peers } = this.env;
    if (peers.plausible !== undefined) return peers.plausible(this, flow, request);
    return flow.remoteAddress === addressOf(this.destination);
  }
}
