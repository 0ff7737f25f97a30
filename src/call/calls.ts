import { PeerError } from '../base/errors.ts';
import { Latest } from '../base/latest.ts';
import { TokenMap } from '../base/token-map.ts';
import { HeaderId, type SipRequest, type SipResponse } from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import { AbandonedInvites, type GivenUpInvite, type LateUser } from './abandoned-invites.ts';
import { Call, type CallRegistry, type Restorer } from './call.ts';
import { refuseUnsupported } from './capabilities.ts';
import { Halves } from './halves.ts';
import { HeardByes } from './heard-byes.ts';
import { LateAnswers } from './late-answers.ts';
import type { Leg } from './leg.ts';
import { type OtherHalf, otherHalfOf } from './other-half.ts';
import { PartsLeft } from './parts-left.ts';
import type { CallPlan, LegOptions } from './plan.ts';
import {
  type CallEnvironment,
  type CallLimits,
  type CallPeers,
  type CallTimers,
  defaultCallLimits,
  defaultCallTimers,
  type ServerTransaction,
} from './ports.ts';
import { Probe } from './probe.ts';
import type { CallFacts, CallListing } from './record.ts';
import { rejoined } from './rejoin.ts';
import { takeOver } from './replacement.ts';
import { CancelledInvite, inviteKey, type Resumption, type RingingInvite } from './resumption.ts';
import type { CallSnapshot } from './snapshot.ts';
import { lostRecord, type WaitingSnapshot } from './waiting.ts';

/** Reason header field of what ends because its node does. */
export const SHUTDOWN_REASONS: readonly string[] = ['SIP;cause=503;text="Shutdown"'];

export interface CallsOptions extends Omit<CallEnvironment, 'peers' | 'partsLeft' | 'timers' | 'limits'> {
  /** Default: nothing. */
  readonly peers?: CallPeers;
  readonly timers?: Partial<CallTimers>;
  readonly limits?: Partial<CallLimits>;
}

/** Calls of other nodes. */
export interface ComingCalls {
  /**
   * A request came within a dialog that is not here, or to take the place of one (RFC 3891). True: its call may come from another node that has just ended; `retry` is called once,
   * when it has come or does not.
   */
  mayCome(transaction: ServerTransaction, retry: () => void): boolean;
}

/** Counts since start; `live` and `legs` are gauges. */
export interface CallCounters {
  live: number;
  legs: number;
  started: number;
  answered: number;
  /** Refused before a call was made: limit, draining, faults of the request. */
  refused: number;
  /** In-dialog requests that matched no dialog. */
  unmatched: number;
}

/**
 * Every call of this engine, and the dialogs by which in-dialog requests find their leg (RFC 3261 §12.2.2): by Call-ID and both tags,
 * never by address or Route.
 */
export class Calls implements CallRegistry {
  /** Unset: no call ever comes from another node. */
  comers: ComingCalls | undefined = undefined;
  readonly counters: CallCounters = { live: 0, legs: 0, started: 0, answered: 0, refused: 0, unmatched: 0 };
  /** Of those that are set up between this node and another. */
  readonly halves = new Halves();
  readonly #env: CallEnvironment;
  /** By local tag, which the early dialogs of a forked INVITE share. */
  readonly #legs = new TokenMap<Leg>();
  /** By id. One that is over is let go of, which a Map does not do once a former table of it has grown old. */
  readonly #calls = new Latest<string, Call>(Number.POSITIVE_INFINITY);
  readonly #abandoned: AbandonedInvites;
  /** From the first one on. */
  #heardByes: HeardByes | undefined = undefined;
  /** By the caller's INVITE, until that has come. */
  readonly #resumptions = new Map<string, Resumption>();
  #draining = false;
  #refusesNew = false;
  #onDrained: (() => void) | undefined = undefined;

  constructor(options: CallsOptions) {
    this.#env = {
      peers: {},
      ...options,
      partsLeft: new PartsLeft(options),
      timers: { ...defaultCallTimers, ...options.timers },
      limits: { ...defaultCallLimits, ...options.limits },
    };
    this.#abandoned = new AbandonedInvites(this.#env, ({ request, flow }, late) => {
      const user = new CancelledInvite(late, (transaction) => this.#abandoned.giveBack(transaction));
      this.#env.endpoint.resumeInvite(request, flow, user).cancel();
    });
  }

  /** Plays `plan` for an INVITE outside of any dialog, which has been authenticated and admitted. Undefined: it was refused. */
  start(transaction: ServerTransaction, plan: CallPlan): Call | undefined {
    const { request } = transaction;
    if (!this.#admits(transaction, plan.emergency)) return undefined;
    const resumption = this.#resumptionOf(transaction);
    if (resumption !== undefined) this.#resumptions.delete(inviteKey(request));
    const { tag } = resumption?.caller ?? {};
    if (tag !== undefined) transaction.adoptTag(tag);
    const call = Call.create(this.#env, this, plan, request.callId(), transaction.localTag, resumption);
    this.#calls.set(call.id, call);
    this.counters.live++;
    this.counters.started++;
    call.begin(transaction, plan);
    return call;
  }

  /** The INVITE of a caller who waits since another process began is about to come. */
  expect(resumption: Resumption): void {
    this.#resumptions.set(inviteKey(resumption.caller.invite), resumption);
  }

  /** Whether it is an INVITE that another process had let in, and that has not come here yet. */
  isExpected(transaction: Pick<ServerTransaction, 'request' | 'flow'>): boolean {
    return this.#resumptionOf(transaction) !== undefined;
  }

  #resumptionOf({ request, flow }: Pick<ServerTransaction, 'request' | 'flow'>): Resumption | undefined {
    if (this.#resumptions.size === 0) return undefined;
    const resumption = this.#resumptions.get(inviteKey(request));
    return resumption?.isOf(request, flow) === true ? resumption : undefined;
  }

  /** Whoever was asked by that process and is not any more by this one is cancelled. @param id of the call */
  endResumption(resumption: Resumption, id: string): void {
    const key = inviteKey(resumption.caller.invite);
    if (this.#resumptions.get(key) === resumption) this.#resumptions.delete(key);
    this.cancelAll(resumption, id);
  }

  /** What rings of it is cancelled, each whatever becomes of the others. @param id of the call */
  cancelAll(resumption: Resumption, id: string): void {
    for (const ringing of resumption.takeAll()) this.guarded(id, () => this.cancelRinging(ringing));
  }

  /** A call that rang when its process ended is over: its caller was at the end of a connection of that. */
  endWaiting(waiting: WaitingSnapshot): void {
    const record = lostRecord(waiting, this.#env.scheduler.wallMs());
    if (record !== undefined) for (const each of this.#env.observers) each.onCallEnded?.(record, 0);
  }

  /** In the name of the process that has asked; who answers all the same is left with BYE. */
  cancelRinging({ invite, to, trunkId, usedSequence, way }: RingingInvite): void {
    const contact = invite.headers.value(HeaderId.Contact) ?? '';
    const options = { ...way, contact } as LegOptions;
    const credentials = trunkId === undefined ? undefined : this.#env.peers.credentials?.(trunkId);
    const late = new LateAnswers({ env: this.#env, options, credentials, usedSequence });
    const user = new CancelledInvite(late, (transaction) => this.abandon(transaction, late));
    this.#env.endpoint.resumeInvite(invite, to, user).cancel();
  }

  /** Whether the call is here: by its name, or by a dialog of it, which may be a part of another call by now. */
  hasAny(snapshot: CallSnapshot): boolean {
    return this.#calls.has(snapshot.id) || this.#legsOf(snapshot).length > 0;
  }

  /** Goes on with an answered call of another process. Undefined: it, or a dialog of it, is here already. */
  restore(snapshot: CallSnapshot, by: () => Restorer): Call | undefined {
    this.#forgetEarly(snapshot);
    if (this.hasAny(snapshot)) return undefined;
    const restorer = by();
    const call = this.#restored(snapshot, restorer);
    this.#calls.set(call.id, call);
    this.counters.live++;
    return call;
  }

  /** It was answered elsewhere: what still rings of it here is nobody's. */
  #forgetEarly(snapshot: CallSnapshot): void {
    for (const leg of this.#legsOf(snapshot)) if (leg.state === 'early') leg.call.forget();
  }

  /** Those of its legs that are here. */
  #legsOf({ caller, callee }: CallSnapshot): Leg[] {
    return [caller, callee].flatMap(({ dialog }) => this.find(dialog.callId, dialog.localTag, dialog.remoteTag) ?? []);
  }

  #restored(snapshot: CallSnapshot, restorer: Restorer): Call {
    try {
      return Call.restore(this.#env, this, snapshot, restorer);
    } catch (error) {
      for (const leg of this.#legsOf(snapshot)) {
        leg.session?.stop();
        this.remove(leg);
      }
      restorer.giveBack?.();
      throw error;
    }
  }

  /**
   * An INVITE with Replaces from an authenticated party (RFC 3891): it takes the place of the dialog named. Answered in every case.
   * `options` are those of the new leg; `options.owner` is who asks.
   */
  replace(transaction: ServerTransaction, options: LegOptions): void {
    if (!this.#admits(transaction)) return;
    const late = () => {
      if (isUnanswered(transaction)) takeOver(this.#env, this, transaction, options, () => false);
    };
    takeOver(this.#env, this, transaction, options, () => this.comers?.mayCome(transaction, late) === true);
  }

  /** A request other than ACK and CANCEL with a To tag. False: it has none and starts something new. */
  handle(transaction: ServerTransaction, request: SipRequest): boolean {
    if (request.toTag() === undefined) return false;
    const leg = this.#legOf(request);
    if (leg !== undefined) {
      this.#give(leg, transaction, request);
      return true;
    }
    if (request.method === 'BYE' && this.#heardByes?.has(request) === true) {
      transaction.reply(200);
      return true;
    }
    const late = () => this.#receiveLate(transaction, request);
    if (this.comers?.mayCome(transaction, late) !== true) this.#unmatched(transaction);
    return true;
  }

  /** RFC 3261 §12.2.2: 481, whatever Route it carries (behaviour 19). */
  #unmatched(transaction: ServerTransaction): void {
    this.counters.unmatched++;
    transaction.reply(481);
  }

  #receiveLate(transaction: ServerTransaction, request: SipRequest): void {
    if (!isUnanswered(transaction)) return;
    const leg = this.#legOf(request);
    if (leg === undefined) this.#unmatched(transaction);
    else this.#give(leg, transaction, request);
  }

  #give(leg: Leg, transaction: ServerTransaction, request: SipRequest): void {
    leg.receive(transaction, request);
    // One that ended nothing (a stranger's, one out of order) is none whose copies are answered as it was.
    if (request.method !== 'BYE' || leg.state !== 'gone') return;
    // A BYE is sent for 64*T1 at most (RFC 3261 §17.1.2.2): after that none is a copy, and none is known for twice what is kept.
    this.#heardByes ??= new HeardByes(this.#env.scheduler, 32 * this.#env.timers.t1Ms);
    this.#heardByes.note(request);
  }

  /** An ACK that matches no transaction: for a 2xx. */
  ack(request: SipRequest, flow: Flow): void {
    this.#legOf(request)?.receiveAck(request, flow);
  }

  /** A response to an INVITE that matches no transaction any more. */
  strayAnswer(response: SipResponse, flow: Flow): void {
    this.#abandoned.receive(response, flow);
  }

  /** Calls with the settings of these, that are only thought through. They find the places that are left here; nothing is counted here. */
  rehearsal(parts: Pick<CallEnvironment, 'endpoint' | 'scheduler' | 'observers' | 'media' | 'contacts'>): Calls {
    const { limits } = this.#env;
    const maxCalls = Math.max(0, limits.maxCalls - this.#calls.size);
    const calls = new Calls({ ...this.#env, ...parts, limits: { ...limits, maxCalls } });
    calls.#draining = this.#draining;
    calls.#refusesNew = this.#refusesNew;
    return calls;
  }

  /** `done` is called once when no call is left; new ones are refused from here on, unless somebody else sees to them. */
  drain(done: () => void, refusesNew = true): void {
    this.#draining = true;
    this.#refusesNew = refusesNew;
    this.#onDrained = done;
    this.#drainedWhenEmpty();
  }

  /** There are as many calls as there may be. */
  get isFull(): boolean {
    return this.#calls.size >= this.#env.limits.maxCalls;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Ends every call, as a shutdown does whose time has run out: its record is written at once, for nobody hears what its parties answer. */
  endAll(reason: string): void {
    for (const call of [...this.#calls.values()]) {
      call.end('engine', reason, SHUTDOWN_REASONS);
      call.release(true);
    }
  }

  /** Ends one call; false when there is none of this id. `reasons` are Reason header field values. */
  end(id: string, reason = 'ended-by-admin', reasons: readonly string[] = []): boolean {
    const call = this.#calls.get(id);
    call?.end('engine', reason, reasons);
    return call !== undefined;
  }

  /** Calls in setup or in progress of whose facts `counts` says so; one that is being ended is none. */
  inProgress(counts: (facts: CallFacts) => boolean): number {
    let count = 0;
    for (const { state, record } of this.#calls.values()) if (state !== 'ending' && counts(record.facts)) count++;
    return count;
  }

  /** Has a call do something behind no message's boundary, nor its own: a defect ends it. */
  guarded(id: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      const call = this.#calls.get(id);
      if (call === undefined) this.#env.endpoint.onFault(error, { callId: id });
      else call.onFault(error);
    }
  }

  /** Asks both parties of a call whether they still have it. */
  probe(id: string): void {
    const { caller, callee } = this.#calls.get(id)?.parties ?? {};
    for (const leg of [caller, callee]) if (leg !== undefined) new Probe(leg).send();
  }

  /**
   * Tells both parties of a call that came from another node where it is now, and finds out whether they still have it. Gives the other half of
   * a call between nodes, which is to be found before it is told.
   */
  refreshTargets(id: string): OtherHalf | undefined {
    const call = this.#calls.get(id);
    if (call === undefined) return undefined;
    const half = this.otherHalf(id);
    for (const leg of [call.parties.caller, call.parties.callee])
      if (leg?.state === 'confirmed' && leg !== half?.leg) new Probe(leg).refreshTarget();
    return half;
  }

  /** Of an answered call between nodes: the half that another node has. */
  otherHalf(id: string): OtherHalf | undefined {
    const call = this.#calls.get(id);
    return call && otherHalfOf(call);
  }

  /** Makes one call of one that came from another node and its other half, where that is here; gives the id of what is left. */
  rejoin(id: string): string {
    const call = this.#calls.get(id);
    return (call === undefined ? undefined : rejoined(this, call))?.record.id ?? id;
  }

  /** The half of a call that another node began by this INVITE, answered under this tag, of which that node knows nothing more. */
  endHalf(invite: SipRequest, tag: string): void {
    const leg = this.find(invite.callId(), tag, invite.fromTag() ?? '');
    if (leg !== undefined && leg.call.record.facts.peerNode !== undefined) leg.call.legLost(leg, 'cancel');
  }

  /** Another node has it. */
  forget(id: string): void {
    this.#calls.get(id)?.forget();
  }

  /** Each made when it is its turn. */
  *list(): Generator<CallListing> {
    for (const call of this.#calls.values()) yield call.listing();
  }

  get(id: string): Call | undefined {
    return this.#calls.get(id);
  }

  /** By its id, or by the Call-ID of one of its two legs. */
  named(name: string): Call | undefined {
    const known = this.#calls.get(name);
    if (known !== undefined) return known;
    for (const call of this.#calls.values())
      if (name === call.record.callerCallId || name === call.record.calleeCallId) return call;
    return undefined;
  }

  /** The call that has a dialog under a tag of this engine, which the branches of a fork share. */
  ofTag(localTag: string): Call | undefined {
    const leg = this.#legs.first(localTag);
    return leg && this.get(leg.call.record.id);
  }

  // --- for calls and legs ---

  add(leg: Leg): void {
    this.#legs.add(leg);
    this.counters.legs = this.#legs.size;
  }

  remove(leg: Leg): void {
    this.#legs.delete(leg);
    this.counters.legs = this.#legs.size;
  }

  find(callId: string, localTag: string, remoteTag: string): Leg | undefined {
    let leg = this.#legs.first(localTag);
    while (leg !== undefined && !leg.dialog.is(callId, localTag, remoteTag)) leg = this.#legs.next(leg);
    return leg;
  }

  /** The leg of the dialog that a received request names; its To tag is ours. */
  #legOf(request: SipRequest): Leg | undefined {
    return this.find(request.callId(), request.toTag() ?? '', request.fromTag() ?? '');
  }

  abandon(invite: GivenUpInvite, late: LateUser): void {
    this.#abandoned.add(invite, late);
  }

  callEnded(call: Call): void {
    if (!this.#calls.delete(call.id)) return;
    this.counters.live--;
    if (call.record.answeredAtMs !== undefined) this.counters.answered++;
    this.#drainedWhenEmpty();
  }

  #admits(transaction: ServerTransaction, emergency = false): boolean {
    const { request } = transaction;
    const refuse = (status: number, reason?: string, retryAfter?: number): false => {
      this.counters.refused++;
      transaction.reply(status, reason, retryAfter === undefined ? [] : [[HeaderId.RetryAfter, String(retryAfter)]]);
      return false;
    };
    const retryAfter = 1 + Math.floor(Math.random() * 10);
    if (this.#refusesNew) return refuse(503, 'Shutting Down', retryAfter);
    if (this.isFull && !emergency) return refuse(503, 'Too Many Calls', retryAfter);
    const fault = faultOf(request);
    if (fault !== undefined) return refuse(fault.status, fault.reason);
    if (!refuseUnsupported(transaction, request)) return true;
    this.counters.refused++;
    return false;
  }

  #drainedWhenEmpty(): void {
    if (!this.#draining || this.#calls.size > 0) return;
    const done = this.#onDrained;
    this.#onDrained = undefined;
    done?.();
  }
}

/** A request that has waited may have been cancelled meanwhile. */
function isUnanswered({ state }: ServerTransaction): boolean {
  return state === 'trying' || state === 'proceeding';
}

/** What an INVITE lacks that a call cannot do without. */
function faultOf(request: SipRequest): { readonly status: number; readonly reason?: string } | undefined {
  try {
    // RFC 3261 §8.1.1.8: an INVITE has exactly one Contact; in-dialog requests go to it.
    if (request.contactUri() === undefined) return { status: 400, reason: 'Contact Expected' };
    return undefined;
  } catch (error) {
    if (error instanceof PeerError) return { status: error.status };
    throw error;
  }
}
