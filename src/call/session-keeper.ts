import { cancelTimer, type Timer, type TimerTarget } from '../base/scheduler.ts';
import {
  glareDelayMs,
  type IntervalRefusal,
  type RunningInterval,
  SessionTimer,
  type SessionTimerOptions,
  type SessionTimerUser,
} from '../sip/dialog/index.ts';
import { HeaderId, type SipMessage, SipRequest, type SipResponse } from '../sip/message/index.ts';
import { addCapabilities, withoutMethod } from './capabilities.ts';
import { describeAnew } from './describe-anew.ts';
import type { Leg } from './leg.ts';
import { LegRequest, type LegRequestUser } from './leg-request.ts';
import type { CallEnvironment } from './ports.ts';
import { addToken, relayBody } from './relayed-headers.ts';
import type { SessionSnapshot } from './snapshot.ts';

const DISABLED: SessionTimerOptions = { intervalSeconds: 0 };

/**
 * The session timer of one leg (RFC 4028): asks for it, grants it, refreshes, and ends the call when nobody refreshed. Each leg has
 * its own interval and refresher; a refresh of one leg is no news to the other (§8: the engine is the far end of both).
 * Refreshes by UPDATE where the peer allows it, else by a re-INVITE with the description that was last sent on this leg, unchanged (§7.4),
 * or, where that is not known, by one that has it described anew.
 */
export class SessionKeeper implements SessionTimerUser, LegRequestUser, TimerTarget {
  readonly #env: CallEnvironment;
  readonly #timer: SessionTimer;
  #leg: Leg | undefined = undefined;
  /** What was last sent on this leg; kept only for peers without UPDATE. */
  #description: SipMessage | undefined = undefined;
  #retryTimer: Timer | undefined = undefined;
  #refreshing = false;
  /** The peer has been asked for an offer, and has not answered. */
  #describesAnew = false;

  private constructor(env: CallEnvironment, options: SessionTimerOptions) {
    this.#env = env;
    this.#timer = new SessionTimer(env.scheduler, this, options);
  }

  /** For an INVITE to be sent. */
  static forOutgoing(env: CallEnvironment, options: SessionTimerOptions | undefined): SessionKeeper | undefined {
    return options === undefined ? undefined : new SessionKeeper(env, options);
  }

  /** For a message received: none when neither side wants a timer. */
  static forIncoming(
    env: CallEnvironment,
    options: SessionTimerOptions | undefined,
    message: SipMessage,
  ): SessionKeeper | undefined {
    if (options === undefined && !message.headers.has(HeaderId.SessionExpires)) return undefined;
    return new SessionKeeper(env, options ?? DISABLED);
  }

  /** Goes on with a session of another process. @param passedMs since the snapshot was taken */
  static restore(leg: Leg, { interval, description }: SessionSnapshot, passedMs: number): void {
    const keeper = new SessionKeeper(leg.env, leg.options.sessionTimer ?? DISABLED);
    keeper.attach(leg);
    if (description !== undefined) {
      const { contentType, body } = description;
      keeper.#description = new SipRequest('INVITE', leg.dialog.remoteTarget, body);
      keeper.#description.headers.add(HeaderId.ContentType, contentType);
    }
    keeper.#timer.resume({ ...interval, remainingMs: interval.remainingMs - passedMs });
  }

  /** What was agreed on; undefined when no interval runs. */
  get interval(): RunningInterval | undefined {
    return this.#timer.snapshot();
  }

  /** Undefined when no interval runs. */
  snapshot(): SessionSnapshot | undefined {
    const interval = this.#timer.snapshot();
    if (interval === undefined) return undefined;
    const { headers, body } = this.#description ?? {};
    const contentType = headers?.value(HeaderId.ContentType);
    return { interval, ...(body !== undefined && contentType !== undefined && { description: { contentType, body } }) };
  }

  get describesAnew(): boolean {
    return this.#describesAnew;
  }

  /** From now on the leg's one: another that it has would end the call, since nobody refreshes it. */
  attach(leg: Leg): void {
    if (leg.session !== this) leg.session?.stop();
    this.#leg = leg;
    leg.session = this;
  }

  /** The INVITE that it was asked for in was answered: `leg` is what came of it. */
  begin(leg: Leg, invite: SipRequest, response: SipResponse): void {
    this.attach(leg);
    this.described(invite);
    this.granted(response);
  }

  /** Remembers a description sent on the leg, in case a refresh has to repeat it. */
  described(message: SipMessage): void {
    if (this.#leg?.allowsUpdate === false && message.body !== '') this.#description = message;
  }

  /** Adds what an INVITE of ours asks for. */
  ask(request: SipRequest): void {
    // §7.1: whoever asks lists the extension.
    if (this.#timer.ask(request)) addToken(request.headers, HeaderId.Supported, 'timer');
  }

  granted(response: SipResponse): void {
    // Whatever this answers was a refresh: the one that waits is not needed.
    this.#retryTimer = cancelTimer(this.#retryTimer);
    this.#timer.receiveSuccess(response);
  }

  receive422(response: SipResponse): boolean {
    return this.#timer.receive422(response);
  }

  /** The 422 owed to an INVITE or UPDATE whose interval is too small (§9). */
  refusal(request: SipRequest): IntervalRefusal | undefined {
    return this.#timer.judge(request);
  }

  /** Adds what our 2xx to a received INVITE or UPDATE grants; the interval runs from here. */
  grant(response: SipResponse, request: SipRequest): void {
    if (response.status >= 300 || (request.method !== 'INVITE' && request.method !== 'UPDATE')) return;
    for (const [id, value] of this.#timer.acceptRequest(request)) response.headers.add(id, value);
  }

  stop(): void {
    this.#timer.stop();
    this.#retryTimer = cancelTimer(this.#retryTimer);
    this.#description = undefined;
  }

  onRefreshDue(): void {
    this.refresh();
  }

  /** Now, whoever's turn it is. */
  refresh(): void {
    const leg = this.#leg;
    if (leg === undefined || leg.state !== 'confirmed' || this.#refreshing) return;
    const method = leg.allowsUpdate ? 'UPDATE' : 'INVITE';
    const needsOffer = method === 'INVITE' && this.#description === undefined;
    // Something is under way that refreshes as well, or would collide: look again soon.
    if (!leg.mayStart(method, method === 'INVITE') || (needsOffer && isToAnswer(leg))) {
      this.#retryLater(leg);
      return;
    }
    this.#refreshing = true;
    if (needsOffer) {
      this.#describesAnew = true;
      describeAnew(leg, (status) => {
        this.#refreshing = false;
        this.#describesAnew = false;
        if (status !== undefined) this.onLegSilence(status);
      });
      return;
    }
    const refresh = leg.createRequest(method);
    addCapabilities(refresh, leg.options, leg.peer);
    if (method === 'INVITE' && this.#description !== undefined) relayBody(this.#description, refresh);
    new LegRequest(leg, refresh, this).send();
  }

  onExpired(): void {
    this.#leg?.call.end('engine', 'session-expired', ['SIP;cause=408;text="Session Timer Expired"']);
  }

  onFault(error: unknown): void {
    if (this.#leg === undefined) throw error;
    this.#leg.onFault(error);
  }

  onTimer(_kind: number): void {
    this.#retryTimer = undefined;
    this.refresh();
  }

  onLegResponse(response: SipResponse, request: LegRequest): void {
    const { status } = response;
    const leg = this.#leg;
    if (status < 200 || leg === undefined) return;
    const isInvite = request.request.method === 'INVITE';
    if (status < 300) {
      if (isInvite) leg.ack.give(request.request);
      if (!this.#refreshing) return;
      this.#refreshing = false;
      leg.learn(response);
      leg.dialog.refreshTarget(response);
    } else if (status === 491 || (status === 422 && this.receive422(response))) {
      this.#refreshing = false;
      this.#retryLater(leg);
    } else if (!isInvite && (status === 405 || status === 501)) {
      // It has no UPDATE after all, whatever its Allow lists.
      leg.methods = withoutMethod(leg.methods, 'UPDATE');
      this.#refreshing = false;
      this.refresh();
    } else this.onLegSilence(status);
  }

  onLegSilence(status: number): void {
    const leg = this.#leg;
    this.#refreshing = false;
    if (this.#timer.refreshFailed(status)) leg?.call.legLost(leg, 'session-lost');
  }

  #retryLater(leg: Leg): void {
    this.#retryTimer = cancelTimer(this.#retryTimer);
    this.#retryTimer = this.#env.scheduler.schedule(glareDelayMs(!leg.isCallerSide), this, 0);
  }
}

/** The other party describes itself anew, and this one is asked for the answer: were it asked for an offer, each would wait for the other's. */
function isToAnswer({ peer }: Leg): boolean {
  return peer?.session?.describesAnew === true || peer?.ack.held !== undefined;
}
