import type { Dialog, OfferAnswer } from '../sip/dialog/index.ts';
import type { SipMessage, SipRequest } from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import type { ClientTransaction } from './ports.ts';
import { hasSessionDescription, relayBody } from './relayed-headers.ts';

/** Whose 2xx are acknowledged; `Leg` is it. */
export interface AcknowledgingLeg {
  readonly call: { changed(): void };
  readonly dialog: Pick<Dialog, 'createAck'>;
  readonly offers: OfferAnswer;
  /** What answers in place of the peer, if something does. */
  readonly standIn: unknown;
  /** `address:port` that the peer's Contact or Record-Route names and that takes no connection. */
  unreachable: string | undefined;
  sendAck(ack: SipRequest, invitation: ClientTransaction | undefined): Flow;
}

/**
 * - `held`: the ACK waits for the answer to the offer of the 2xx
 * - `given`: nothing is owed. The latest ACK had this answer, and waited for this connection
 */
type State =
  | { readonly kind: 'held'; readonly invite: SipRequest }
  | { readonly kind: 'given'; readonly answer: SipMessage | undefined; readonly opening: Flow | undefined };

const NOTHING_OWED: State = { kind: 'given', answer: undefined, opening: undefined };

/** The ACK to the latest 2xx of a peer: held back until the other side has answered its offer, or given, for a 2xx that comes again. */
export class OwedAck {
  /** The INVITE of this engine that made this dialog, until its 2xx was acknowledged. */
  invitation: ClientTransaction | undefined = undefined;
  readonly #leg: AcknowledgingLeg;
  #state: State = NOTHING_OWED;

  constructor(leg: AcknowledgingLeg) {
    this.#leg = leg;
  }

  /** The INVITE whose 2xx waits for its ACK, because the answer comes from the other side. */
  get held(): SipRequest | undefined {
    return this.#state.kind === 'held' ? this.#state.invite : undefined;
  }

  /** The 2xx to an INVITE without offer came: its ACK waits for the answer, see {@link give}. */
  hold(invite: SipRequest): void {
    this.#state = { kind: 'held', invite };
  }

  /** Acknowledges a 2xx; `answer` gives the body when the 2xx held the offer. */
  give(invite: SipRequest, answer?: SipMessage): void {
    const leg = this.#leg;
    this.#state = NOTHING_OWED;
    const ack = leg.dialog.createAck(invite);
    if (answer !== undefined) relayBody(answer, ack);
    leg.offers.request('local', 'ACK', hasSessionDescription(ack));
    leg.call.changed();
    // The answer was given here, in the peer's place.
    const isSent = leg.standIn === undefined || invite.toTag() === undefined;
    const opening = isSent ? this.#send(ack, invite) : undefined;
    if (answer !== undefined || opening !== undefined) this.#state = { kind: 'given', answer, opening };
  }

  /** Gives the connection that has to be made for it, if it is to go over one. */
  #send(ack: SipRequest, invite: SipRequest): Flow | undefined {
    const leg = this.#leg;
    const invitation = this.invitation?.request === invite ? this.invitation : undefined;
    if (invitation !== undefined) this.invitation = undefined;
    const flow = leg.sendAck(ack, invitation);
    return flow.reliable && !flow.connected ? flow : undefined;
  }

  /** A 2xx came again (RFC 3261 §13.2.2.4): so does its ACK, unless the answer for it is not there yet. */
  giveAgain(invite: SipRequest): void {
    if (this.#state.kind === 'held') return;
    const { answer, opening } = this.#state;
    // Nobody takes connections where the peer says that it is: the ACK goes where the 2xx came from.
    if (opening !== undefined && !opening.connected)
      this.#leg.unreachable = `${opening.remoteAddress}:${opening.remotePort}`;
    this.give(invite, answer);
  }

  /** The leg has ended. */
  forget(): void {
    this.#state = NOTHING_OWED;
    this.invitation = undefined;
  }
}
