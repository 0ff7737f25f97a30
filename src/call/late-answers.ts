import { Dialog } from '../sip/dialog/index.ts';
import { HeaderId, type SipRequest, type SipResponse } from '../sip/message/index.ts';
import { sendOptions } from './destination.ts';
import type { OwedAck } from './owed-ack.ts';
import type { LegOptions } from './plan.ts';
import type { CallEnvironment, ClientTransaction, ClientTransactionUser, Destination, SendOptions } from './ports.ts';

const nobody: ClientTransactionUser = { onResponse() {}, onTimeout() {}, onTransportError() {} };

/** An INVITE that nobody waits for any more. */
interface GivenUp {
  readonly invite: SipRequest;
  readonly destination: Destination;
  /** The highest sequence number of its early dialogs; whoever was asked for PRACK has seen it. */
  readonly usedSequence: number;
}

/** A callee answered it all the same: ACK, then BYE (RFC 3261 §13.2.2.4). */
export function turnAway(
  { endpoint }: CallEnvironment,
  { invite, destination: to, usedSequence }: GivenUp,
  response: SipResponse,
  options?: SendOptions,
): void {
  const dialog = Dialog.createUac(invite, response);
  dialog.goOnFrom(usedSequence);
  endpoint.sendAck(dialog.createAck(invite), to, options);
  const bye = dialog.createRequest('BYE');
  bye.headers.add(HeaderId.Reason, 'SIP;cause=487;text="Request Terminated"');
  endpoint.sendRequest(bye, to, nobody, options);
}

/** The leg whose INVITE it was; `Leg` is it. */
interface AnsweredLeg {
  readonly env: CallEnvironment;
  readonly options: LegOptions;
  readonly dialog: Pick<Dialog, 'remoteTag'>;
  readonly ack: Pick<OwedAck, 'giveAgain'>;
}

/**
 * Hears the 2xx that may still come to an INVITE that was answered. One that comes again is acknowledged by the transaction by itself
 * (RFC 6026), unless its ACK cannot have arrived or is still owed; one of another fork is turned away. The transaction waits for
 * them half a minute, and neither the branch nor, once it has ended, the leg shall be kept for so long.
 */
export class LateAnswers implements ClientTransactionUser {
  readonly #env: CallEnvironment;
  /** Until it ends. */
  #leg: AnsweredLeg | undefined;
  #options: SendOptions | undefined = undefined;
  readonly #usedSequence: number;

  /** `usedSequence`: of the early dialogs that did not win, the highest. */
  constructor(leg: AnsweredLeg, usedSequence: number) {
    this.#env = leg.env;
    this.#leg = leg;
    this.#usedSequence = usedSequence;
  }

  legEnded(): void {
    if (this.#leg !== undefined) this.#options = sendOptions(this.#leg.options);
    this.#leg = undefined;
  }

  onResponse(response: SipResponse, { request, flow }: ClientTransaction): void {
    const leg = this.#leg;
    const options = leg?.options ?? this.#options;
    if ((response.toTag() ?? '') !== (leg?.dialog.remoteTag ?? request.toTag() ?? ''))
      turnAway(this.#env, { invite: request, destination: flow, usedSequence: this.#usedSequence }, response, options);
    else if (leg !== undefined) leg.ack.giveAgain(request);
    else this.#env.endpoint.sendAck(Dialog.createUac(request, response).createAck(request), flow, options);
  }

  onTimeout(): void {}

  onTransportError(): void {}
}
