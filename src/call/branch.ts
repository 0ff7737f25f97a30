import { cancelTimer, type Timer, type TimerTarget } from '../base/scheduler.ts';
import { ReliableReceiver } from '../sip/dialog/index.ts';
import { reasonPhrase, type SipRequest, type SipResponse, UnsafeMessageError } from '../sip/message/index.ts';
import { BranchMedia } from './branch-media.ts';
import { branchOutcome, UNUSABLE_CONTACT } from './branch-outcome.ts';
import { learnIdentity } from './connected-identity.ts';
import { Forks } from './forks.ts';
import { LateAnswers } from './late-answers.ts';
import type { Leg, LegCall } from './leg.ts';
import { MEDIA_REFUSALS, type MediaEnd } from './media.ts';
import type { BranchPlan, OutcomeCause, Redirection, StageOutcome } from './plan.ts';
import type { ClientTransaction, ClientTransactionUser, Destination } from './ports.ts';
import type { BegunLeg } from './record.ts';
import { hasSessionDescription, reasonFields } from './relayed-headers.ts';
import type { RingingInvite } from './resumption.ts';
import { type Inviter, type InvitingUser, TargetInvite } from './target-invite.ts';
import { TriedTargets } from './tried-targets.ts';
import type { WaitingCancel } from './waiting.ts';

/** For whom a branch rings; `Attempt` is it. */
export interface BranchUser extends Inviter {
  readonly call: LegCall;
  readonly user: InvitingUser & { readonly mediaEnd: MediaEnd };
  /** A provisional response above 100. `rack` is set when it wants a PRACK. */
  onBranchProvisional(leg: Leg, response: SipResponse, rack: string | undefined): void;
  /** It rang before this process was asked. */
  onBranchRings(): void;
  /** The first 2xx of the branch. */
  onBranchAnswered(branch: Branch, leg: Leg, response: SipResponse, invite: SipRequest): void;
  onBranchFailed(branch: Branch, outcome: StageOutcome): void;
  onBranchRedirected(target: readonly BranchPlan[] | Redirection): void;
}

/** How far a branch is. */
type Phase = 'idle' | 'resolving' | 'describing' | 'signing' | 'calling' | 'cancelling' | 'over' | Repairing;

/** It waits before it tries again, here or at the next target. */
interface Repairing {
  readonly goesOn: () => void;
  readonly timer: Timer;
}

const NO_TARGETS: readonly Destination[] = [];

/**
 * One branch of a stage: the INVITE to one callee or trunk, at one target after another (RFC 3263 §4.3), with the repairs that the
 * peer asks for (401, 407, 420, 422, 491) at the same target. Each target gets a Call-ID of its own, so that a late answer of one
 * that was given up can never pass for an answer of the next.
 *
 * Rules it keeps: its attempt hears of exactly one end (answered, failed, redirected), or of none once it was cancelled; every 2xx is
 * acknowledged, and one that comes too late is followed by BYE (RFC 3261 §13.2.2.4); what `onStart` reserved is given back once.
 */
export class Branch implements ClientTransactionUser, TimerTarget {
  readonly attempt: BranchUser;
  readonly plan: BranchPlan;
  /** Session descriptions of this branch were relayed in provisional responses. */
  earlyMedia = false;
  #phase: Phase = 'idle';
  /** Targets that have not been tried yet. */
  #targetsLeft: readonly Destination[] = NO_TARGETS;
  /** Early dialogs of the INVITE under way. */
  readonly #forks: Forks;
  /** What `onStart` has reserved is given back by this. */
  #giveBack: BranchPlan['onEnd'] = undefined;
  /** To the target that is tried. */
  #invite: TargetInvite | undefined = undefined;
  #media: BranchMedia | undefined = undefined;
  readonly #tried: TriedTargets;

  constructor(attempt: BranchUser, plan: BranchPlan) {
    this.attempt = attempt;
    this.plan = plan;
    this.#forks = new Forks(attempt.call);
    this.#tried = new TriedTargets(attempt, plan);
  }

  get state(): Exclude<Phase, Repairing> | 'repairing' {
    return typeof this.#phase === 'string' ? this.#phase : 'repairing';
  }

  start(): void {
    this.#tried.begin();
    this.attempt.call.retain();
    if (this.plan.onStart?.() === false) {
      this.#tried.ended(0, 'no capacity', 'capacity');
      this.#fail(503, 'No Capacity', 'capacity');
      return;
    }
    if (this.plan.onStart !== undefined) this.#giveBack = this.plan.onEnd;
    this.#phase = 'resolving';
    const resolved = this.plan.resolve();
    if (resolved instanceof Promise) {
      const targets = resolved.catch(() => NO_TARGETS);
      targets.then((found) => this.#resolved(found)).catch((error: unknown) => this.onFault(error));
    } else this.#resolved('send' in resolved ? [resolved] : resolved);
  }

  /** What it has sent and not heard the end of: the label and the Call-ID. */
  underWay(): BegunLeg | undefined {
    return this.state === 'calling' || this.state === 'repairing' ? this.#invite?.begunLeg : undefined;
  }

  /** The CANCEL of the INVITE under way, for who has to send it in our place. */
  cancellation(): WaitingCancel | undefined {
    if (this.state !== 'calling') return undefined;
    return this.#invite?.cancellation(this.#forks, this.#media !== undefined, this.#targetsLeft[0]);
  }

  /**
   * Takes its place from it: what is returned gives that back, with true because its end is not waited for any longer, with false to the
   * branch itself until its end.
   */
  takePlace(): (isEnd: boolean) => void {
    const giveBack = this.#giveBack;
    this.#giveBack = undefined;
    return (isEnd) => {
      const sent = this.#invite?.sent;
      if (isEnd && this.state === 'cancelling' && sent !== undefined) this.onTimeout(sent);
      if (!isEnd && this.state === 'cancelling') this.#giveBack = giveBack;
      else giveBack?.('cancelled');
    };
  }

  /** Gives the branch up: CANCEL, and ACK and BYE for a 2xx that crosses it (RFC 3261 §9.1, §15). The attempt hears no more of it. */
  cancel(reasons: readonly string[]): void {
    const { state } = this;
    switch (state) {
      case 'idle':
        this.#phase = 'over';
        return;
      case 'resolving':
      case 'describing':
      case 'signing':
      case 'repairing':
        if (typeof this.#phase !== 'string') cancelTimer(this.#phase.timer);
        this.#tried.ended(0, 'cancelled', 'cancelled');
        this.#finish('cancelled');
        return;
      case 'calling':
        this.#phase = 'cancelling';
        this.#invite?.end();
        this.#tried.cancelled();
        this.#forks.drop(undefined);
        this.#invite?.sent?.cancel(reasonFields(reasons));
        return;
      case 'cancelling':
      case 'over':
        return;
      default:
        state satisfies never;
    }
  }

  onResponse(response: SipResponse, transaction: ClientTransaction): void {
    // The transaction lets go of it once it is answered, and a relay may still have a further 2xx.
    const { request } = transaction;
    // What nobody waits for is told no relay.
    if (this.#media === undefined || this.state !== 'calling') this.#receive(response, transaction, request, true);
    else
      this.#media.receive(response, request, (isDescribed) =>
        this.#receive(response, transaction, request, isDescribed),
      );
  }

  #receive(response: SipResponse, transaction: ClientTransaction, invite: SipRequest, isDescribed: boolean): void {
    const { status } = response;
    if (status >= 200 && status < 300) {
      this.#success(response, transaction, invite, isDescribed);
      return;
    }
    if (!this.#isCurrent(transaction)) return;
    // RFC 3261 §16.7 step 5: a proxy that has sent a refusal on still sends the 2xx of another fork. Nobody has answered before a challenge.
    const late = status < 200 || status === 401 || status === 407 ? undefined : this.#lateAnswers();
    if (status < 200) this.#provisional(response, transaction);
    else if (this.state === 'cancelling') {
      this.#tried.ended(status, response.reason, 'cancelled');
      this.#finish('cancelled');
    } else if (this.state === 'calling') this.#refused(response, invite);
    if (status >= 200) transaction.release(late);
  }

  onTimeout(transaction: ClientTransaction): void {
    // RFC 3261 §8.1.3.1: a timeout is treated as a 408.
    this.#silent(transaction, 408, reasonPhrase(408), 'timeout');
  }

  onTransportError(reason: string, transaction: ClientTransaction): void {
    // RFC 3261 §8.1.3.1: a transport error is treated as a 503.
    this.#silent(transaction, 503, reason, 'transport-error');
  }

  onTimer(_kind: number): void {
    if (typeof this.#phase !== 'string') this.#phase.goesOn();
  }

  onFault(error: unknown): void {
    this.attempt.call.onFault(error);
    if (this.state !== 'over') this.#finish('cancelled');
  }

  // --- targets ---

  #resolved(targets: readonly Destination[]): void {
    if (this.state !== 'resolving') return;
    this.#targetsLeft = targets;
    if (targets.length === 0) this.#tried.ended(0, 'no target', 'transport-error');
    this.#nextOrFail(503, 'No Target', 'transport-error');
  }

  #nextTarget(): void {
    const left = this.#targetsLeft;
    const to = left[0] as Destination;
    this.#targetsLeft = left.length > 1 ? left.slice(1) : NO_TARGETS;
    const invite = new TargetInvite(this.attempt, this.plan, to);
    this.#invite?.end();
    this.#invite = invite;
    this.#tried.begin(invite);
    if (invite.ringing === undefined) this.#describe(invite);
    else this.#goOn(invite.ringing);
  }

  /** It rings there already. */
  #goOn(ringing: RingingInvite): void {
    const { invite, to } = ringing;
    this.#phase = 'calling';
    this.#forks.noteUsed(ringing);
    this.#invite?.begin(this.attempt.call, this.#forks, () => this.#nodeEnded());
    if (this.#invite !== undefined) this.#invite.sent = this.attempt.env.endpoint.resumeInvite(invite, to, this);
    this.attempt.onBranchRings();
  }

  /** The offer, as the callee shall have it. */
  #describe(invite: TargetInvite): void {
    this.#media?.end();
    this.#media = BranchMedia.between(this.attempt, invite);
    if (this.#media === undefined) this.#sendInvite(invite);
    else {
      this.#phase = 'describing';
      this.#media.offer(invite.seen.draft, (refusal) => {
        if (refusal === undefined) return this.#sendInvite(invite);
        const { status, reason } = MEDIA_REFUSALS[refusal];
        this.#tried.ended(0, reason, 'capacity');
        this.#fail(status, reason, 'capacity');
      });
    }
  }

  #sendInvite(invite: TargetInvite): void {
    const request = invite.build(this.#media);
    if (request.kind === 'response') {
      this.#refusedForGood(request);
      return;
    }
    const signed = this.plan.sign?.(request, this.attempt.env.scheduler.wallMs());
    if (signed === undefined) {
      this.#transmit(request, invite);
      return;
    }
    this.#phase = 'signing';
    const sent = signed.then(
      () => this.state === 'signing' && this.#transmit(request, invite),
      (error: Error) => this.state === 'signing' && this.#refusedHere(error),
    );
    sent.catch((error: unknown) => this.onFault(error));
  }

  #transmit(request: SipRequest, invite: TargetInvite): void {
    this.#phase = 'calling';
    invite.begin(this.attempt.call, this.#forks, () => this.#nodeEnded());
    try {
      invite.send(request, this, this.attempt.call);
    } catch (error) {
      if (!(error instanceof UnsafeMessageError)) throw error;
      this.#refusedHere(error);
    }
  }

  /** The last gate has refused what was drafted: this branch has failed, not the call, which has other routes and owes an answer. */
  #refusedHere({ message }: Error): void {
    this.attempt.env.log.error('invite-refused', { label: this.plan.label, error: message });
    this.#tried.ended(0, 'not sendable', 'transport-error');
    this.#fail(503, reasonPhrase(503), 'transport-error');
  }

  // --- responses ---

  #provisional(response: SipResponse, transaction: ClientTransaction): void {
    if (this.state !== 'calling') return;
    this.#invite?.rings(response);
    if (response.status === 100) return;
    const leg =
      this.#knownLeg(response, transaction) ??
      (this.#forks.count < this.attempt.env.limits.maxForks ? this.#newLeg(response, transaction) : undefined);
    if (leg?.early === undefined) return;
    // RFC 3262 §4: a reliable response that comes again or too early is not processed.
    const { early } = leg;
    early.receiver ??= new ReliableReceiver();
    const verdict = early.receiver.receive(response);
    if (verdict === 'ignore') return;
    leg.learn(response);
    learnIdentity(leg, response);
    const described = hasSessionDescription(response);
    leg.offers.response('remote', 'INVITE', response.status, described, verdict === 'new');
    if (described) this.earlyMedia = true;
    this.attempt.onBranchProvisional(leg, response, verdict === 'new' ? early.receiver.rack : undefined);
  }

  #success(response: SipResponse, transaction: ClientTransaction, invite: SipRequest, isDescribed: boolean): void {
    if (this.state !== 'calling' || !this.#isCurrent(transaction)) {
      this.#tooLate(response, transaction, invite);
      return;
    }
    const leg = this.#knownLeg(response, transaction) ?? this.#newLeg(response, transaction);
    leg.confirm(response);
    if (!leg.dialog.hasTarget || !isDescribed) {
      this.#unusable(leg, transaction, isDescribed ? UNUSABLE_CONTACT : MEDIA_REFUSALS['no-relay']);
      return;
    }
    this.#media?.handOver();
    this.#media = undefined;
    this.#phase = 'over';
    this.#invite?.end();
    this.#tried.ended(response.status, response.reason, 'answered');
    this.#forks.drop(leg);
    leg.learn(response);
    learnIdentity(leg, response);
    leg.offers.response('remote', 'INVITE', response.status, hasSessionDescription(response), true);
    leg.reservation = this.#giveBack;
    this.#giveBack = undefined;
    this.#invite?.startSession(leg, invite, response);
    const late = this.#lateAnswers(leg);
    leg.ack.invitation = transaction;
    this.attempt.onBranchAnswered(this, leg, response, invite);
    // Nothing of this branch is needed any more.
    transaction.release(late);
    this.attempt.call.release();
  }

  /** A 2xx that nobody waits for: it has crossed the CANCEL, or has waited for a relay while another one won. */
  #tooLate(response: SipResponse, transaction: ClientTransaction, invite: SipRequest): void {
    const { flow } = transaction;
    if (this.state !== 'cancelling' || !this.#isCurrent(transaction)) {
      (this.#invite?.late ?? this.#lateAnswers()).onResponse(response, { request: invite, flow });
      return;
    }
    const late = this.#lateAnswers();
    transaction.handOver(late);
    this.attempt.call.retain();
    late.turnAway(response, invite, flow, () => this.attempt.call.release());
    this.#tried.ended(response.status, response.reason, 'cancelled');
    this.#finish('cancelled');
  }

  #lateAnswers(winner?: Leg): LateAnswers {
    const { credentials } = this.plan;
    const { highestSequence: usedSequence } = this.#forks;
    const late = new LateAnswers({ env: this.attempt.env, options: this.#options, credentials, usedSequence }, winner);
    if (this.#invite !== undefined) this.#invite.late = late;
    return late;
  }

  /** RFC 3261 §13.2.2.4: a 2xx is acknowledged whatever it says. Nothing could be sent in a dialog whose Contact leads nowhere. */
  #unusable(leg: Leg, transaction: ClientTransaction, { status, reason }: typeof UNUSABLE_CONTACT): void {
    this.#forks.drop(leg);
    transaction.handOver(this.#lateAnswers(leg));
    leg.ack.give(transaction.request);
    leg.hangUp([`SIP;cause=${status};text="${reason}"`]);
    this.#tried.ended(status, reason, 'transport-error');
    this.#nextOrFail(status, reasonPhrase(status), 'transport-error');
  }

  #refused(response: SipResponse, request: SipRequest): void {
    const invite = this.#invite;
    invite?.end();
    const delayMs = invite?.refused(response, request);
    if (invite === undefined || delayMs === undefined) {
      this.#refusedForGood(response);
      return;
    }
    this.#forks.drop(undefined);
    if (delayMs === 0) this.#sendInvite(invite);
    else this.#goOnAfter(delayMs, () => this.#sendInvite(invite));
  }

  #goOnAfter(delayMs: number, goesOn: () => void): void {
    this.#phase = { goesOn, timer: this.attempt.env.scheduler.schedule(delayMs, this, 0) };
  }

  #refusedForGood(response: SipResponse): void {
    const { status, reason } = response;
    this.#forks.drop(undefined);
    // A node that does not know this one yet, or no more, asks it for credentials: of a callee's own challenge it says 503.
    if ((status === 401 || status === 407) && this.#options.peerNode !== undefined) {
      this.#tried.ended(status, reason, 'transport-error');
      this.#nextOrFail(503, reasonPhrase(503), 'transport-error');
      return;
    }
    this.#tried.ended(status, reason, 'response', response);
    if (status < 400 && this.plan.onRedirect !== undefined) {
      const branches = this.plan.onRedirect(response);
      if (branches !== undefined) {
        this.#finish(this.#outcome(status, reason, 'response', response));
        this.attempt.onBranchRedirected(branches);
        return;
      }
    }
    // RFC 3263 §4.3: 503 is a failure of the server, so the next one is tried.
    if ((this.plan.nextOn?.has(status) ?? status === 503) && this.#mayTryNext()) {
      this.#nextTarget();
      return;
    }
    this.#fail(status, reason, 'response', response);
  }

  #silent(transaction: ClientTransaction, status: number, reason: string, cause: OutcomeCause): void {
    if (!this.#isCurrent(transaction)) return;
    this.#forks.drop(undefined);
    this.attempt.call.registry.abandon(transaction, this.#lateAnswers());
    const waitMs = this.#invite?.cancelThere(this.attempt.call, this.#targetsLeft[0]);
    if (this.state === 'cancelling') {
      this.#tried.ended(0, reason, 'cancelled');
      this.#finish('cancelled');
      return;
    }
    if (this.state !== 'calling') return;
    this.#tried.ended(0, reason, cause);
    this.#nextOrFail(status, reason, cause, waitMs);
  }

  /** To the next target; without one that is how the branch has failed. */
  #nextOrFail(status: number, reason: string, cause: OutcomeCause, waitMs?: number): void {
    if (!this.#mayTryNext()) this.#fail(status, reason, cause);
    else if (waitMs === undefined) this.#nextTarget();
    else this.#goOnAfter(waitMs, () => this.#nextTarget());
  }

  /** As the target that is tried sees them. */
  get #options(): BranchPlan['options'] {
    return (this.#invite?.seen ?? this.plan).options;
  }

  /** Of the INVITE that was sent last. */
  #isCurrent(transaction: ClientTransaction): boolean {
    return transaction === (this.#invite?.sent ?? transaction);
  }

  #mayTryNext(): boolean {
    return this.#targetsLeft.length > 0 && !this.#barsFailover();
  }

  /** Behaviour 14: after early media of a trunk was relayed, only a trunk that says so may be followed by another try. */
  #barsFailover(): boolean {
    return this.earlyMedia && this.plan.trunkId !== undefined && this.#options.earlyMediaFailover !== true;
  }

  #knownLeg(response: SipResponse, transaction: ClientTransaction): Leg | undefined {
    return transaction.request.callId() === this.#invite?.callId ? this.#forks.known(response, this.#media) : undefined;
  }

  #newLeg(response: SipResponse, transaction: ClientTransaction): Leg {
    return this.#forks.add(response, transaction, this.#options, this.plan.credentials, this.#media);
  }

  /** The node that it goes through has nothing of it any more. */
  #nodeEnded(): void {
    const sent = this.#invite?.sent;
    if (sent !== undefined) this.#silent(sent, 503, 'the node has ended', 'transport-error');
  }

  // --- the end ---

  #fail(status: number, reason: string, cause: OutcomeCause, response?: SipResponse): void {
    const outcome = this.#outcome(status, reason, cause, response);
    this.#finish(outcome);
    this.attempt.onBranchFailed(this, outcome);
  }

  #finish(outcome: StageOutcome | 'cancelled'): void {
    this.#phase = 'over';
    this.#invite?.end();
    this.#forks.drop(undefined);
    this.#media?.end();
    this.#media = undefined;
    this.#invite?.takeSession()?.stop();
    const giveBack = this.#giveBack;
    this.#giveBack = undefined;
    giveBack?.(outcome);
    this.attempt.call.release();
  }

  #outcome(status: number, reason: string, cause: OutcomeCause, response: SipResponse | undefined): StageOutcome {
    const outcome = branchOutcome(this.plan, status, reason, cause, response, this.#barsFailover());
    return this.#forks.identityWithheld ? { ...outcome, identityWithheld: true } : outcome;
  }
}
