import type { DigestClient } from '../sip/auth/index.ts';
import { Dialog, OfferAnswer } from '../sip/dialog/index.ts';
import { HeaderId, type SipRequest, type SipResponse } from '../sip/message/index.ts';
import type { LateUser, SentInvite } from './abandoned-invites.ts';
import { hopOf, wayOptions } from './destination.ts';
import { LegRequest, type LegRequestUser, type LegState, type RequestingLeg } from './leg-request.ts';
import type { OwedAck } from './owed-ack.ts';
import type { LegOptions } from './plan.ts';
import type {
  AddressedLeg,
  CallEnvironment,
  ClientTransaction,
  ClientTransactionUser,
  Destination,
  WayOptions,
} from './ports.ts';

/** The leg whose answer won; `Leg` is it. */
interface AnsweredLeg {
  readonly dialog: Pick<Dialog, 'remoteTag'>;
  readonly ack: Pick<OwedAck, 'giveAgain'>;
  lateAnswers: { legEnded(): void } | undefined;
}

/** What is known of an INVITE whose answers are late. */
interface LateInvite {
  readonly env: CallEnvironment;
  readonly options: LegOptions;
  /** What answers challenges of who was invited. */
  readonly credentials: DigestClient | undefined;
  /** Of the early dialogs that are over, the highest sequence number: who was asked for PRACK has seen it, and CSeq goes on from there. */
  readonly usedSequence: number;
}

/**
 * Hears the 2xx that come to an INVITE when nobody waits for one: it was answered by another fork, or cancelled, or given up. Each is
 * acknowledged, and who sent it is left with BYE (RFC 3261 §13.2.2.4); the one that won is acknowledged again, unless the transaction
 * does that by itself (RFC 6026). Some come after half a minute, and neither branch nor call shall be kept for so long.
 */
export class LateAnswers implements ClientTransactionUser, LateUser {
  readonly #env: CallEnvironment;
  readonly #credentials: DigestClient | undefined;
  readonly #usedSequence: number;
  #options: WayOptions;
  /** Of the answer that won, until it ends. */
  #leg: AnsweredLeg | undefined;
  /** Undefined: none has won. That of a refusal names no dialog that this engine has acknowledged. */
  readonly #wonTag: string | undefined;
  #turnedAway: LateParty[] | undefined = undefined;

  /** `winner`: the leg that was answered, if one was. */
  constructor({ env, options, credentials, usedSequence }: LateInvite, winner?: AnsweredLeg) {
    this.#env = env;
    this.#credentials = credentials;
    this.#usedSequence = usedSequence;
    this.#leg = winner;
    this.#wonTag = winner?.dialog.remoteTag;
    this.#options = winner === undefined ? wayOptions(options) : options;
    if (winner !== undefined) winner.lateAnswers = this;
  }

  legEnded(): void {
    this.#leg = undefined;
    this.#options = wayOptions(this.#options);
  }

  onResponse(response: SipResponse, { request, flow }: SentInvite): void {
    const leg = this.#leg;
    if ((response.toTag() ?? '') !== this.#wonTag) this.turnAway(response, request, flow);
    else if (leg !== undefined) leg.ack.giveAgain(request);
    else this.#env.endpoint.sendAck(Dialog.createUac(request, response).createAck(request), flow, this.#options);
  }

  /**
   * `gone` is called once: when the BYE has its answer, or at once when none is sent. An INVITE has as many forks as may ring; who makes
   * up more of them gets an ACK each time, and nothing of it is kept.
   */
  turnAway(response: SipResponse, invite: SipRequest, from: Destination, gone?: () => void): void {
    const tag = response.toTag() ?? '';
    const known = this.#turnedAway?.find(({ dialog }) => dialog.remoteTag === tag);
    if (known !== undefined) {
      known.acknowledge(invite);
      gone?.();
      return;
    }
    const dialog = Dialog.createUac(invite, response);
    dialog.goOnFrom(this.#usedSequence);
    const party = new LateParty(this.#env, dialog, from, this.#options, this.#credentials, gone);
    this.#turnedAway ??= [];
    party.acknowledge(invite);
    if (this.#turnedAway.length >= this.#env.limits.maxForks) {
      gone?.();
      return;
    }
    this.#turnedAway.push(party);
    party.leave();
  }

  onTimeout(): void {}

  onTransportError(): void {}
}

/** Who has answered when nobody waited for it: a dialog that exists to be ended. */
class LateParty implements RequestingLeg, LegRequestUser, AddressedLeg {
  readonly dialog: Dialog;
  readonly destination: Destination;
  readonly options: WayOptions;
  readonly credentials: DigestClient | undefined;
  readonly offers = new OfferAnswer();
  readonly isCallerSide = false;
  readonly standIn = undefined;
  state: LegState = 'leaving';
  unreachable: string | undefined = undefined;
  readonly #env: CallEnvironment;
  #gone: (() => void) | undefined;

  constructor(
    env: CallEnvironment,
    dialog: Dialog,
    destination: Destination,
    options: WayOptions,
    credentials: DigestClient | undefined,
    gone: (() => void) | undefined,
  ) {
    this.#env = env;
    this.dialog = dialog;
    this.destination = destination;
    this.options = options;
    this.credentials = credentials;
    this.#gone = gone;
  }

  acknowledge(invite: SipRequest): void {
    this.#env.endpoint.sendAck(this.dialog.createAck(invite), hopOf(this.#env, this), this.options);
  }

  leave(): void {
    const bye = this.dialog.createRequest('BYE');
    bye.headers.add(HeaderId.Reason, 'SIP;cause=487;text="Request Terminated"');
    new LegRequest(this, bye, this).send();
  }

  transmit(request: SipRequest, user: ClientTransactionUser): ClientTransaction {
    return this.#env.endpoint.sendRequest(request, hopOf(this.#env, this), user, this.options);
  }

  /** Whatever the answer: 2xx, 408 and 481 all mean that the session is over (§15.1.1). */
  onLegResponse({ status }: SipResponse): void {
    if (status >= 200) this.onLegSilence();
  }

  onLegSilence(): void {
    this.state = 'gone';
    const gone = this.#gone;
    this.#gone = undefined;
    gone?.();
  }

  onFault(error: unknown): void {
    this.#env.endpoint.onFault(error, {});
    this.onLegSilence();
  }
}
