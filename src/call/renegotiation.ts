import { cancelTimer, type Timer, type TimerTarget } from '../base/scheduler.ts';
import { glareDelayMs } from '../sip/dialog/index.ts';
import type { SipMessage, SipRequest, SipResponse } from '../sip/message/index.ts';
import { addReinviteCapabilities } from './capabilities.ts';
import { showParty } from './connected-identity.ts';
import type { Leg } from './leg.ts';
import type { PendingInvite } from './leg-invites.ts';
import { LegRequest, type LegRequestUser } from './leg-request.ts';
import type { ShownParty } from './ports.ts';
import { relayBody } from './relayed-headers.ts';

export interface RenegotiationUser {
  /**
   * The peer accepted. With an offer of ours `response` holds the answer and is acknowledged; without one it holds the peer's offer,
   * and the leg's `ack` is held and waits for `give` with the answer.
   */
  onRenegotiated(leg: Leg, response: SipResponse): void;
  /** The session of the leg stays as it was. */
  onRenegotiationFailed(leg: Leg, status: number): void;
}

const MAX_TRIES = 4;

/** A re-INVITE of the engine's own, to connect a party to another one: with an offer, or to be given one (RFC 3725 §4.1). */
export class Renegotiation implements LegRequestUser, PendingInvite<Leg>, TimerTarget {
  readonly #leg: Leg;
  readonly #offer: SipMessage | undefined;
  readonly #user: RenegotiationUser;
  readonly #party: ShownParty | undefined;
  #tries = 0;
  #timer: Timer | undefined = undefined;
  #done = false;

  /** `party` is who the leg is being connected to. */
  constructor(leg: Leg, offer: SipMessage | undefined, user: RenegotiationUser, party: ShownParty | undefined) {
    this.#party = party;
    this.#leg = leg;
    this.#offer = offer;
    this.#user = user;
  }

  start(): this {
    const leg = this.#leg;
    if (leg.state !== 'confirmed') this.#fail(481);
    else if (!leg.mayStart('INVITE', this.#offer !== undefined)) this.#retry();
    else this.#send();
    return this;
  }

  /** Nobody waits for it any more; a 2xx that still comes is acknowledged. */
  stop(): void {
    this.#done = true;
    this.#timer = cancelTimer(this.#timer);
    this.#leg.invites.forget(this);
  }

  abandon(_leg: Leg): void {
    this.#fail(481);
  }

  onFault(error: unknown): void {
    this.#leg.onFault(error);
  }

  onTimer(_kind: number): void {
    this.#timer = undefined;
    if (!this.#done) this.start();
  }

  onLegResponse(response: SipResponse, request: LegRequest): void {
    const { status } = response;
    if (status < 200) return;
    if (status < 300) {
      this.#accepted(response, request.request);
      return;
    }
    const leg = this.#leg;
    leg.invites.forget(this);
    if (status === 491 || (status === 422 && leg.session?.receive422(response) === true)) {
      this.#retry();
      return;
    }
    this.#fail(status);
    if (status === 481) leg.call.legLost(leg, 'dialog-lost');
  }

  onLegSilence(status: number, _request: LegRequest): void {
    this.#fail(status);
  }

  #send(): void {
    const leg = this.#leg;
    const invite = leg.createRequest('INVITE');
    addReinviteCapabilities(invite, leg.options, leg.peer);
    if (this.#offer !== undefined) relayBody(this.#offer, invite);
    showParty(invite, this.#party, leg);
    leg.invites.outgoing = this;
    new LegRequest(leg, invite, this).send();
  }

  #accepted(response: SipResponse, invite: SipRequest): void {
    const leg = this.#leg;
    if (this.#done) {
      if (leg.ack.held === undefined) leg.ack.giveAgain(invite);
      return;
    }
    this.stop();
    leg.learn(response);
    leg.dialog.refreshTarget(response);
    if (this.#offer === undefined) leg.ack.hold(invite);
    else leg.ack.give(invite);
    this.#user.onRenegotiated(leg, response);
  }

  /** Glare, or something else under way on the leg: RFC 3261 §14.1, with the band of whoever made the Call-ID. */
  #retry(): void {
    if (this.#done) return;
    if (++this.#tries >= MAX_TRIES) {
      this.#fail(491);
      return;
    }
    this.#timer = this.#leg.env.scheduler.schedule(glareDelayMs(!this.#leg.isCallerSide), this, 0);
  }

  #fail(status: number): void {
    if (this.#done) return;
    this.stop();
    this.#user.onRenegotiationFailed(this.#leg, status);
  }
}
