import { randomToken } from '../base/ids.ts';
import { cancelTimer, type Timer, type TimerTarget } from '../base/scheduler.ts';
import { keptReason, ownCopy } from '../base/text.ts';
import type { MediaRefusal, MediaSession } from '../media/index.ts';
import { type HeaderList, reasonPhrase, type SipRequest, type SipResponse } from '../sip/message/index.ts';
import { Attempt, type AttemptUser } from './attempt.ts';
import type { Branch } from './branch.ts';
import { openMedia, resumeMedia } from './call-media.ts';
import { CallParties } from './call-parties.ts';
import { CallerInvite } from './caller-invite.ts';
import { DEFECT_TIMER, endByDefect } from './defect.ts';
import { dispatchInDialog } from './in-dialog.ts';
import { Leg, type LegCall, type LegRegistry } from './leg.ts';
import { acknowledgeLocally } from './local-prack.ts';
import { type MediaEnd, type MediaOffer, mediaSnapshot } from './media.ts';
import type { CallPlan, Rejection, StageOutcome } from './plan.ts';
import type { CallEnvironment, ServerTransaction } from './ports.ts';
import {
  type BegunLeg,
  type CallListing,
  type CallState,
  callListing,
  type EndedBy,
  LiveRecord,
  type NamedLeg,
  namedLegs,
} from './record.ts';
import type { Referral } from './refer.ts';
import { type PassedResponse, refusalOf } from './refusal.ts';
import { reasonsOf } from './relayed-headers.ts';
import type { Resumption } from './resumption.ts';
import { SessionKeeper } from './session-keeper.ts';
import { answeredAgoMs, type CallSnapshot, callSnapshot, type Reacher, restoredRecord } from './snapshot.ts';
import type { WaitingSnapshot } from './waiting.ts';

/** Where calls live; `Calls` is it. */
export interface CallRegistry extends LegRegistry {
  callEnded(call: Call): void;
}

/** What is left of a plan once its call was begun. */
type PlayedPlan = Pick<CallPlan, 'onAnswered' | 'onEnd' | 'sessionLimitMs' | 'passesRedirects'>;

/** Who brings a call back: where its legs are reached now, and what is freed when it ends. */
export interface Restorer extends Pick<CallPlan, 'onEnd' | 'sessionLimitMs'> {
  readonly reach: Reacher;
  /** The call could not be brought back: what was taken for it is given back. */
  readonly giveBack?: () => void;
}

const PICKED_UP = ['SIP;cause=200;text="Call completed elsewhere"'];
const [RING_TIMER, SESSION_TIMER] = [1, 2];

/**
 * One call: a caller's INVITE, the attempt to have it answered, then two legs that are each other's peer. It lives until everything
 * that it retains (the INVITE, branches, confirmed legs, a referral) is released, and reports its end once.
 */
export class Call implements AttemptUser, LegCall, TimerTarget {
  readonly id: string;
  readonly env: CallEnvironment;
  readonly registry: CallRegistry;
  readonly record: LiveRecord;
  state: CallState = 'routing';
  /** Until the INVITE has its final response. */
  caller: CallerInvite | undefined = undefined;
  readonly parties = new CallParties();
  /** A transfer under way. */
  referral: Referral | undefined = undefined;
  /** What another process has begun of it. */
  readonly resumption: Resumption | undefined;
  #attempt: Attempt | undefined = undefined;
  #plan: PlayedPlan;
  #holds = 0;
  #over = false;
  #timer: Timer | undefined = undefined;
  /** Once nothing is left of it but its caller's INVITE, or whom it makes way for. */
  #onceAlone: (() => void) | undefined = undefined;
  /** Between the clock of the timers and the time of day. */
  #wallOffsetMs: number;

  private constructor(
    env: CallEnvironment,
    registry: CallRegistry,
    plan: PlayedPlan,
    record: LiveRecord,
    resumption?: Resumption,
  ) {
    this.resumption = resumption;
    this.id = record.id;
    this.env = env;
    this.registry = registry;
    this.#plan = plan;
    this.#wallOffsetMs = env.scheduler.wallMs() - env.scheduler.nowMs();
    this.record = record;
  }

  /**
   * A call that begins now, or goes on without an answer where another process had it; {@link begin} places it.
   * @param callId of the caller's leg, as is `tag` of ours
   */
  static create(
    env: CallEnvironment,
    registry: CallRegistry,
    plan: CallPlan,
    callId: string,
    tag: string,
    resumption?: Resumption,
  ): Call {
    const id = env.contacts?.derived(tag) ?? randomToken();
    const { passedMs = 0, rangAfterMs, attempts, takeovers = 0 } = resumption?.caller ?? {};
    const startedAtMs = env.scheduler.wallMs() - passedMs;
    const record = new LiveRecord(id, plan.facts, ownCopy(callId), startedAtMs);
    record.callerTags = [tag];
    record.takeovers = takeovers;
    if (rangAfterMs !== undefined) record.ringingAtMs = startedAtMs + rangAfterMs;
    if (attempts !== undefined) record.attempts = attempts;
    return new Call(env, registry, plan, record, resumption);
  }

  /** An answered call of another process goes on here. */
  static restore(env: CallEnvironment, registry: CallRegistry, of: CallSnapshot, by: Restorer): Call {
    const call = new Call(env, registry, by, restoredRecord(of));
    // By the clock that the call began with, here as well.
    call.#wallOffsetMs = of.answeredAtMs + answeredAgoMs(of, env.scheduler.wallMs()) - env.scheduler.nowMs();
    call.state = 'answered';
    const passedMs = Math.max(0, env.scheduler.wallMs() - of.takenAtMs);
    const [caller, callee] = [of.caller, of.callee].map((snapshot) => {
      const leg = Leg.restore(registry, call, snapshot, by.reach);
      if (snapshot.session !== undefined) SessionKeeper.restore(leg, snapshot.session, passedMs);
      return leg;
    }) as [Leg, Leg];
    call.parties.connect(caller, callee);
    call.record.callerTags = [caller.dialog.localTag];
    call.record.calleeTag = callee.dialog.localTag;
    if (of.media !== undefined) resumeMedia(call, of.media, caller, callee);
    call.#limitSession();
    return call;
  }

  /** Of an answered call, or one that is being ended, unless a transfer or takeover is under way: it is whole before and after. `takenAtMs` is the wall clock. */
  snapshot(takenAtMs: number): CallSnapshot | undefined {
    const { record, parties, sessionLimitMs } = this;
    const isEnding = this.state === 'ending';
    const [caller, callee] = [parties.caller?.snapshot(isEnding), parties.callee?.snapshot(isEnding)];
    if (caller === undefined || callee === undefined || this.referral !== undefined) return undefined;
    if (parties.caller?.peer !== parties.callee) return undefined;
    const media = parties.caller && parties.callee && mediaSnapshot(parties.caller, parties.callee);
    return callSnapshot(record, { caller, callee, media, sessionLimitMs, takenAtMs, timeMs: this.#timeMs() });
  }

  /** While nobody has answered. */
  waitingSnapshot(takenAtMs: number): WaitingSnapshot | undefined {
    const waiting = this.state === 'ringing' ? this.caller?.waiting() : undefined;
    if (waiting === undefined) return undefined;
    const cancels = this.#attempt?.cancellations() ?? [];
    const version = waiting.from.kind === 'connection' ? 'waiting-2' : 'waiting-1';
    return { version, id: this.id, ...waiting, cancels, takenAtMs, forMs: this.#timeMs() - this.record.startedAtMs };
  }

  /** The time of day by the clock that was right when the call began: whoever sets the clock meanwhile makes no call longer or shorter. */
  #timeMs(): number {
    return this.env.scheduler.nowMs() + this.#wallOffsetMs;
  }

  get sessionLimitMs(): number | undefined {
    return this.#plan.sessionLimitMs;
  }

  get relaysReliable(): boolean {
    return this.caller?.supportsReliable ?? false;
  }

  get methods(): number | undefined {
    return this.caller?.methods;
  }

  get mediaEnd(): MediaEnd {
    return this.caller?.mediaEnd ?? { media: undefined, address: '' };
  }

  /** Begins with the caller's INVITE. */
  begin(transaction: ServerTransaction, plan: CallPlan): void {
    const { request } = transaction;
    const caller = new CallerInvite(this, transaction, plan);
    this.caller = caller;
    for (const each of this.env.observers) each.onCallStarted?.(this.record, transaction);
    const { cancel } = this.resumption ?? {};
    if (cancel !== undefined) {
      this.callerGaveUp(cancel);
      return;
    }
    const tooSmall = caller.intervalRefusal();
    if (tooSmall !== undefined) {
      this.#refuse(tooSmall.status, undefined, tooSmall.headers, 'refused');
      return;
    }
    const ringsForMs = Math.max(0, caller.ringLimitMs(plan) - (this.resumption?.caller.passedMs ?? 0));
    this.#timer = this.env.scheduler.schedule(ringsForMs, this, RING_TIMER);
    // RFC 3261 §16.3 step 3, kept up across the two dialogs so that a loop through B2BUAs ends.
    const attempt = new Attempt(this, plan, this, request.hopsAfter());
    this.#attempt = attempt;
    if (plan.ready === undefined) attempt.start();
    else plan.ready.then(() => this.#planReady(plan, attempt)).catch((error: unknown) => this.onFault(error));
  }

  /** An attempt that was given up meanwhile starts nothing. */
  #planReady({ facts }: CallPlan, attempt: Attempt): void {
    if (this.#over) return;
    this.record.facts = facts;
    for (const each of this.env.observers) each.onCallReady?.(this.record);
    attempt.start();
  }

  onFault(error: unknown): void {
    endByDefect(this, error, !this.#over);
  }

  /** One more thing has to end before the call has ended. */
  retain(): void {
    this.#holds++;
  }

  /** @param isLast it is over, whatever else holds it */
  release(isLast = false): void {
    if (--this.#holds === 1) this.#onceAlone?.();
    // A fork that answers after the end is acknowledged and ended by its leg alone.
    if ((this.#holds > 0 && !isLast) || this.#over) return;
    this.#over = true;
    this.#timer = cancelTimer(this.#timer);
    this.parties.clear();
    this.record.endedAtMs ??= this.#timeMs();
    this.registry.callEnded(this);
    this.#plan.onEnd?.();
    for (const each of this.env.observers) each.onCallEnded?.(this.record, this.#timeMs() - this.record.endedAtMs);
  }

  makeWay(request: SipRequest, then: () => void): (isEnd: boolean) => void {
    const places = this.#attempt?.takePlaces() ?? [];
    this.retain();
    this.#onceAlone = then;
    this.callerGaveUp(request);
    return (isEnd) => {
      for (const giveBack of places) giveBack(isEnd);
      this.release(isEnd);
    };
  }

  openMedia(near: MediaEnd, far: MediaEnd, offer: MediaOffer): MediaSession | MediaRefusal | undefined {
    return openMedia(this, near, far, offer);
  }

  changed(): void {
    if (this.state === 'answered') for (const each of this.env.observers) each.onCallChanged?.(this.record);
  }

  // --- the attempt ---

  onProgress(leg: Leg, response: SipResponse, rack: string | undefined): void {
    const { caller } = this;
    if (caller === undefined) return;
    // A caller without RFC 3262 cannot send the PRACK that this response wants: the engine does.
    const relayed = rack !== undefined && caller.supportsReliable;
    if (rack !== undefined && !relayed) acknowledgeLocally(leg, rack);
    caller.progress(leg, response, relayed ? rack : undefined, this.#attempt);
    if (this.state === 'ringing') for (const each of this.env.observers) each.onCallChanged?.(this.record);
    this.onRings();
  }

  onRings(): void {
    if (this.state !== 'routing') return;
    this.state = 'ringing';
    this.record.ringingAtMs ??= this.#timeMs();
    for (const each of this.env.observers) each.onCallRinging?.(this.record);
  }

  onAnswered(branch: Branch, leg: Leg, response: SipResponse, invite: SipRequest): void {
    const { caller } = this;
    if (caller === undefined) {
      leg.hangUp();
      return;
    }
    this.#attempt = undefined;
    this.#answered(leg, response, branch.plan.label, branch.plan.trunkId);
    // RFC 3261 §13.2.2.4: the ACK holds the answer when the 2xx held the offer; the caller's ACK brings it.
    const answers = leg.offers.offeredBy === 'remote';
    if (answers) leg.ack.hold(invite);
    else leg.ack.give(invite);
    this.parties.caller = caller.answer(leg, response, answers);
    if (caller.done) this.caller = undefined;
    for (const each of this.env.observers) each.onCallAnswered?.(this.record);
  }

  onFailed(rejection: Rejection, outcome: StageOutcome | undefined): void {
    this.#attempt = undefined;
    if (outcome !== undefined) this.record.carrierStatus = outcome.status;
    const refusal = refusalOf(rejection, outcome, this.#plan.passesRedirects === true, this.caller?.options);
    this.#refuse(refusal.status, refusal.reason, refusal.headers, refusal.endReason, refusal.passed);
  }

  receive(leg: Leg, transaction: ServerTransaction, request: SipRequest): void {
    dispatchInDialog(leg, transaction, request);
  }

  // --- the end ---

  /** The caller cancels, or sends BYE in its early dialog. */
  callerGaveUp(request: SipRequest): void {
    if (!this.#waits()) return;
    const reasons = reasonsOf(request, { anonymous: this.caller?.party.identityWithheld === true });
    this.#ended('caller', 'cancel');
    const refuse = () => this.#refuse(487, undefined, [], 'cancel');
    // RFC 3261 §16.10, as a proxy: another node that hears it may call the same phone at once, which has to be free then.
    if (this.record.facts.peerNode === undefined || this.#holds === 1) refuse();
    else this.#onceAlone = refuse;
    this.#giveUp(reasons);
  }

  /** The caller does not answer any more. */
  callerLost(): void {
    if (!this.#waits()) return;
    this.#refuse(504, undefined, [], 'no-prack');
    this.#giveUp([]);
  }

  /** A confirmed leg was left with BYE. */
  legLeft(leg: Leg, bye: SipRequest): void {
    const { trunkId } = leg.options;
    if (trunkId !== undefined) for (const each of this.env.observers) each.onPartyLeft?.(this.record, trunkId, bye);
    if (this.referral?.legLeft(leg) === true || leg.peer === undefined) return;
    this.end(leg === this.parties.caller ? 'caller' : 'callee', 'bye', reasonsOf(bye, leg.options));
  }

  /** A leg's dialog turned out to be gone on the far side. */
  legLost(leg: Leg, reason: string): void {
    // Late news of a leg that has ended anyway.
    if (leg.state !== 'confirmed') return;
    this.retain();
    leg.leave();
    if (this.referral?.legLeft(leg) !== true && leg.peer !== undefined) this.end('engine', reason);
    this.release();
  }

  /** Ends whatever is left of the call. `reasons` are Reason header field values for the BYEs. */
  end(by: EndedBy, reason: string, reasons: readonly string[] = []): void {
    this.#ended(by, reason);
    if (this.caller?.done === false) {
      const status = reason === 'ended-by-admin' ? 480 : 503;
      this.#refuse(reason === 'ring-timeout' ? this.caller.unanswered : status, undefined, [], reason);
    }
    this.#giveUp(reasons);
  }

  onTimer(kind: number): void {
    if (kind === DEFECT_TIMER) {
      try {
        this.#giveUp([]);
      } finally {
        this.release(true);
      }
    } else if (kind === RING_TIMER) this.end('engine', 'ring-timeout', ['SIP;cause=480;text="No Answer"']);
    else this.end('engine', 'session-limit', ['SIP;cause=480;text="Session Limit"']);
  }

  /** Another call, or another node, goes on with it: nothing is said to anybody, and what becomes of it is told there. */
  forget(): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer = cancelTimer(this.#timer);
    // What may still be answered here is nobody's any more; who follows cancels it in our name too.
    this.#cancelAttempt([]);
    this.caller?.leave();
    this.caller = undefined;
    this.parties.leave();
    // Its parties have left: it is said to nobody.
    this.referral?.abandon();
    this.#plan.onEnd?.();
    this.registry.callEnded(this);
    for (const each of this.env.observers) each.onCallMoved?.(this.record);
  }

  /**
   * `newcomer` takes the place of `leg` opposite to its peer (RFC 3515, RFC 3891). The leg that lost its place has no peer any more
   * and is left to end by itself; {@link end} ends it too.
   */
  replaceLeg(leg: Leg, newcomer: Leg): void {
    newcomer.moveTo(this);
    this.parties.replace(leg, newcomer);
    this.record.noteJoined(newcomer.dialog, newcomer.options.owner?.number, newcomer.peer?.dialog);
    this.changed();
  }

  /** The other party of `leg` was moved to another call: this one ends. */
  partyMoved(leg: Leg): void {
    this.parties.drop(leg);
    this.end('engine', 'transferred');
  }

  /**
   * A registered phone takes an early call over from the callee that it rings at: `newcomer` is its leg, `response` what the caller
   * is answered with.
   */
  pickedUp(newcomer: Leg, response: SipResponse): boolean {
    const { caller } = this;
    if (caller === undefined || caller.done) return false;
    this.#cancelAttempt(PICKED_UP);
    this.record.noteJoined(newcomer.dialog, newcomer.options.owner?.number);
    this.#answered(newcomer, response, newcomer.options.owner?.number, undefined);
    this.parties.caller = caller.answer(newcomer, response, false);
    if (caller.done) this.caller = undefined;
    for (const each of this.env.observers) each.onCallAnswered?.(this.record);
    return true;
  }

  /** Its legs without a final response: those that ring, and those that are being cancelled or were. */
  begunLegs(): readonly BegunLeg[] {
    return [...(this.#attempt?.underWay() ?? []), ...this.record.cancelled];
  }

  /** Each leg so far, by Call-ID. */
  namedLegs(): ReadonlyMap<string, NamedLeg> {
    const { caller, callee } = this.parties;
    return namedLegs(this.record, this.begunLegs(), [caller?.dialog, callee?.dialog]);
  }

  listing(): CallListing {
    return callListing(this.record, this.state, this.begunLegs());
  }

  #answered(leg: Leg, response: SipResponse, by: string | undefined, trunkId: string | undefined): void {
    const { record } = this;
    this.#timer = cancelTimer(this.#timer);
    this.state = 'answered';
    this.parties.callee = leg;
    this.#plan.onAnswered?.();
    record.answeredAtMs = this.#timeMs();
    this.#limitSession();
    record.calleeCallId = leg.dialog.callId;
    record.calleeTag = leg.dialog.localTag;
    record.answeredBy = by;
    record.answeredTrunkId = trunkId;
    record.status = response.status;
    record.reason = keptReason(response.reason);
  }

  /** Counts from the answer. */
  #limitSession(): void {
    const { sessionLimitMs = 0 } = this.#plan;
    const { answeredAtMs = 0 } = this.record;
    if (sessionLimitMs <= 0) return;
    const remainingMs = Math.max(answeredAtMs + sessionLimitMs - this.#timeMs(), 0);
    this.#timer = this.env.scheduler.schedule(remainingMs, this, SESSION_TIMER);
  }

  #refuse(
    status: number,
    reason: string | undefined,
    headers: HeaderList,
    endReason: string,
    from?: PassedResponse,
  ): void {
    const { caller } = this;
    if (caller === undefined || caller.done) return;
    this.caller = undefined;
    this.#ended(endReason === 'cancel' ? 'caller' : endReason === 'refused' ? 'callee' : 'engine', endReason);
    this.record.status = status;
    this.record.reason = reason === undefined ? reasonPhrase(status) : keptReason(reason);
    caller.refuse(status, reason, headers, from);
  }

  #cancelAttempt(reasons: readonly string[]): void {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    attempt?.cancel(reasons);
  }

  #giveUp(reasons: readonly string[]): void {
    this.#cancelAttempt(reasons);
    this.referral?.abandon();
    this.parties.hangUp(reasons);
  }

  /** The INVITE still waits for its final response. */
  #waits(): boolean {
    return this.caller !== undefined && !this.caller.done;
  }

  /** The first reason counts. */
  #ended(by: EndedBy, reason: string): void {
    this.#timer = cancelTimer(this.#timer);
    const isNews = this.state !== 'ending';
    this.state = 'ending';
    if (isNews) for (const each of this.env.observers) each.onCallChanged?.(this.record);
    if (this.record.endedBy !== undefined) return;
    // What is still being cancelled, at a contact that answers nothing perhaps, makes no call longer.
    this.record.endedAtMs = this.#timeMs();
    this.record.endedBy = by;
    this.record.endReason = reason;
  }
}
